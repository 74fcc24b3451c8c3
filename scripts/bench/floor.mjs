// The floor of a run that changes nothing: only the requests that must follow each other (GitHub's token, Entra's token, the
// server from Azure Resource Manager), and beside them one login to PostgreSQL with one query. JavaScript without any
// library but pg, which loads while the first request is on its way. It reads the variables of a job, and `BENCH_LOGIN`, the
// login as JSON.
import { readFileSync } from 'node:fs';
import { request } from 'node:https';

const { env } = process;

function send(method, url, headers, body) {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(`${method} ${url}: ${response.statusCode} ${text}`));
      });
    });
    outgoing.on('error', reject).end(body);
  });
}

async function readServer() {
  const { value: assertion } = await send(
    'GET',
    `${env.ACTIONS_ID_TOKEN_REQUEST_URL}&audience=api%3A%2F%2FAzureADTokenExchange`,
    { Authorization: `Bearer ${env.ACTIONS_ID_TOKEN_REQUEST_TOKEN}` },
  );
  const { access_token: token } = await send(
    'POST',
    `${env.AZURE_AUTHORITY_HOST}/${env.AZURE_TENANT_ID}/oauth2/v2.0/token`,
    { 'Content-Type': 'application/x-www-form-urlencoded' },
    new URLSearchParams({
      client_id: env.AZURE_CLIENT_ID,
      scope: 'https://management.azure.com/.default',
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
    }).toString(),
  );
  const group = `${env.AZURE_RESOURCE_MANAGER_ENDPOINT}/subscriptions/${env.AZURE_SUBSCRIPTION_ID}/resourceGroups/bench`;
  await send(
    'GET',
    `${group}/providers/Microsoft.DBforPostgreSQL/flexibleServers/bench?api-version=2025-08-01`,
    { Authorization: `Bearer ${token}` },
  );
}

async function logIn() {
  const { default: pg } = await import('pg');
  const ssl = { ca: readFileSync(env.NODE_EXTRA_CA_CERTS, 'utf8') };
  const client = new pg.Client({ ...JSON.parse(env.BENCH_LOGIN), ssl });
  await client.connect();
  await client.query('SELECT 1');
  await client.end();
}

await Promise.all([readServer(), logIn()]);
// As the action: idle connections would delay the end.
process.exit();
