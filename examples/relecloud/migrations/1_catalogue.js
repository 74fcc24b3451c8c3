export function up(pgm) {
  pgm.createTable('destinations', {
    id: { type: 'integer', primaryKey: true, sequenceGenerated: { precedence: 'ALWAYS' } },
    name: { type: 'text', notNull: true, unique: true, check: "name <> ''" },
    kind: { type: 'text', notNull: true, check: "kind IN ('planet', 'moon', 'asteroid', 'station')" },
    distance_km: { type: 'bigint', notNull: true, check: 'distance_km > 0' },
  });
  pgm.createTable('cruises', {
    id: { type: 'integer', primaryKey: true, sequenceGenerated: { precedence: 'ALWAYS' } },
    name: { type: 'text', notNull: true, unique: true, check: "name <> ''" },
    destination_id: { type: 'integer', notNull: true, references: 'destinations', onDelete: 'RESTRICT' },
    departs_on: { type: 'date', notNull: true },
    days: { type: 'integer', notNull: true, check: 'days > 0' },
    berths: { type: 'integer', notNull: true, check: 'berths > 0' },
    price_eur: { type: 'numeric(12,2)', notNull: true, check: 'price_eur >= 0' },
  });
  pgm.createIndex('cruises', 'destination_id');
  pgm.createTable('bookings', {
    id: { type: 'integer', primaryKey: true, sequenceGenerated: { precedence: 'ALWAYS' } },
    cruise_id: { type: 'integer', notNull: true, references: 'cruises', onDelete: 'RESTRICT' },
    passenger: { type: 'text', notNull: true, check: "passenger <> ''" },
    berths: { type: 'integer', notNull: true, check: 'berths BETWEEN 1 AND 10' },
    booked_at: { type: 'timestamptz', notNull: true, default: pgm.func('now()') },
  });
  pgm.addConstraint('bookings', 'bookings_one_per_passenger', { unique: ['cruise_id', 'passenger'] });
}

export function down(pgm) {
  pgm.dropTable('bookings');
  pgm.dropTable('cruises');
  pgm.dropTable('destinations');
}
