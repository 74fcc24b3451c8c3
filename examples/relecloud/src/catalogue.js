/** All cruises with their free berths, the next departure first. */
export async function listCruises(client) {
  const { rows } = await client.query(`
    SELECT cruises.name AS cruise,
           destinations.name AS destination,
           to_char(cruises.departs_on, 'YYYY-MM-DD') AS departs,
           cruises.days,
           cruises.price_eur::float8 AS "priceEur",
           (cruises.berths - coalesce(sum(bookings.berths), 0))::int AS "freeBerths"
    FROM cruises
    JOIN destinations ON destinations.id = cruises.destination_id
    LEFT JOIN bookings ON bookings.cruise_id = cruises.id
    GROUP BY cruises.id, destinations.id
    ORDER BY cruises.departs_on, cruises.name`);
  return rows;
}

/** Books berths on a cruise. Throws if it has too few, also if two passengers book at the same time. */
export async function book(client, cruise, passenger, berths) {
  await client.query('BEGIN');
  try {
    // The row lock makes concurrent bookings of a cruise wait, so that each counts the free berths correctly.
    const found = await client.query('SELECT id, berths FROM cruises WHERE name = $1 FOR UPDATE', [cruise]);
    if (found.rows.length === 0) throw new Error(`Cruise '${cruise}' does not exist; see the catalogue.`);
    const { id, berths: all } = found.rows[0];
    const taken = await client.query(
      'SELECT coalesce(sum(berths), 0)::int AS berths FROM bookings WHERE cruise_id = $1',
      [id],
    );
    const free = all - taken.rows[0].berths;
    if (berths > free)
      throw new Error(`'${cruise}' has only ${free} free berths; book fewer than ${berths}.`);
    await client.query('INSERT INTO bookings (cruise_id, passenger, berths) VALUES ($1, $2, $3)', [
      id,
      passenger,
      berths,
    ]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}
