import { createServer } from 'node:http';
import pg from 'pg';
import { listCruises } from './catalogue.js';
import { connection } from './connection.js';

const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escapeHtml = (value) => String(value).replace(/[&<>"]/g, (character) => entities[character]);

function page(cruises) {
  const rows = cruises.map(
    (each) =>
      `<tr><td>${escapeHtml(each.cruise)}<td>${escapeHtml(each.destination)}<td>${each.departs}` +
      `<td>${each.days}<td>${each.priceEur.toLocaleString('en')}<td>${each.freeBerths}`,
  );
  return `<!doctype html><html lang="en"><title>Relecloud</title><h1>Relecloud's cruises</h1>
<table><tr><th>Cruise<th>To<th>Departs<th>Days<th>EUR<th>Free berths${rows.join('\n')}</table></html>`;
}

const pool = new pg.Pool(connection());
const server = createServer((_request, response) => {
  listCruises(pool).then(
    (cruises) => response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page(cruises)),
    (error) => {
      console.error(error);
      response.writeHead(503).end('The catalogue is not available; try again later.');
    },
  );
});
server.listen(Number(process.env.PORT || 8080), () =>
  console.log(`http://localhost:${server.address().port}`),
);
