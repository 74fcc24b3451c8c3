export function up(pgm) {
  pgm.sql(`
    INSERT INTO destinations (name, kind, distance_km) VALUES
      ('Moon', 'moon', 384400),
      ('Mars', 'planet', 225000000),
      ('Ceres', 'asteroid', 413000000),
      ('Europa', 'moon', 628300000),
      ('Titan', 'moon', 1272000000)`);
  pgm.sql(`
    INSERT INTO cruises (name, destination_id, departs_on, days, berths, price_eur)
    SELECT season.name, destinations.id, season.departs_on::date, season.days, season.berths, season.price_eur
    FROM (VALUES
      ('Weekend at Tranquility', 'Moon', '2031-07-20', 6, 120, 48000),
      ('Far Side in Silence', 'Moon', '2031-09-02', 9, 40, 71500),
      ('Valles Marineris by Balloon', 'Mars', '2032-04-11', 410, 36, 890000),
      ('Salt Lights of Occator', 'Ceres', '2033-01-15', 730, 24, 1350000),
      ('Under the Ice', 'Europa', '2034-06-30', 1460, 12, 4200000),
      ('Methane Lakes Regatta', 'Titan', '2035-02-01', 2190, 16, 6100000)
    ) AS season (name, destination, departs_on, days, berths, price_eur)
    JOIN destinations ON destinations.name = season.destination`);
  pgm.sql(`
    INSERT INTO bookings (cruise_id, passenger, berths)
    SELECT cruises.id, party.passenger, party.berths
    FROM (VALUES
      ('Weekend at Tranquility', 'Ada Lovelace', 2),
      ('Weekend at Tranquility', 'Jules Verne', 1),
      ('Valles Marineris by Balloon', 'Valentina Tereshkova', 4),
      ('Under the Ice', 'Arthur C. Clarke', 2)
    ) AS party (cruise, passenger, berths)
    JOIN cruises ON cruises.name = party.cruise`);
}

export function down(pgm) {
  pgm.sql('DELETE FROM bookings');
  pgm.sql('DELETE FROM cruises');
  pgm.sql('DELETE FROM destinations');
}
