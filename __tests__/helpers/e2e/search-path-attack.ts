import type { EmulatorHarness } from './emulator-harness.ts';
import { adminLogin, type Login, query } from './postgres-client.ts';

/** Functions of pg_catalog that the action calls, with what they return. */
const shadowFunctions: readonly (readonly [signature: string, returns: string])[] = [
  ['format(text, text)', 'text'],
  ['format(text, text, text)', 'text'],
  ['set_config(text, text, boolean)', 'text'],
  ['current_setting(text)', 'text'],
  ['pg_get_userbyid(oid)', 'name'],
  ['has_database_privilege(oid, text)', 'boolean'],
  ['pg_has_role(oid, text)', 'boolean'],
  ['shobj_description(oid, name)', 'text'],
  ['aclexplode(aclitem[])', 'text'],
  ['pg_identify_object(oid, oid, int)', 'text'],
  ['quote_ident(text)', 'text'],
  ['starts_with(text, text)', 'boolean'],
  ['pg_terminate_backend(int)', 'boolean'],
  ['clock_timestamp()', 'timestamptz'],
  ['upper(text)', 'text'],
  ['equal(name, text)', 'boolean'],
  ['equal(name, name)', 'boolean'],
  ['equal(text, text)', 'boolean'],
  ['equal(oid, oid)', 'boolean'],
  ['like(text, text)', 'boolean'],
  ['joined(text, text)', 'text'],
];

const shadowOperators = [
  '= (leftarg = name, rightarg = text, function = $.equal)',
  '= (leftarg = name, rightarg = name, function = $.equal)',
  '= (leftarg = text, rightarg = text, function = $.equal)',
  '= (leftarg = oid, rightarg = oid, function = $.equal)',
  '<> (leftarg = name, rightarg = text, function = $.equal)',
  '~ (leftarg = text, rightarg = text, function = $.like)',
  '|| (leftarg = text, rightarg = text, function = $.joined)',
];

const shadowViews = ['pg_database', 'pg_roles', 'pg_namespace', 'pg_shdepend', 'pg_depend', 'pg_extension'];

/** In a schema: everything that the action looks for in pg_catalog, and that would be found here by another path. */
const shadowObjectsSql = (schema: string): readonly string[] => [
  ...shadowFunctions.map(
    ([signature, returns]) =>
      `CREATE FUNCTION ${schema}.${signature} RETURNS ${returns} LANGUAGE plpgsql AS 'BEGIN PERFORM public.caught(); RETURN NULL; END'`,
  ),
  ...shadowOperators.map((operator) => `CREATE OPERATOR ${schema}.${operator.replace('$', schema)}`),
  ...shadowViews.map(
    (name) => `CREATE VIEW ${schema}.${name} AS SELECT public.caught() AS oid, 'x'::name AS datname`,
  ),
];

const maliciousNames = [
  `x'); SELECT public.caught(); --`,
  '$handover$; SELECT public.caught(); DO $handover$',
  '%I%s%L caught',
];

/** Objects that run code when they are looked at, checked, rewritten or changed, and names that are made to be SQL. */
const triggeringObjects: readonly string[] = [
  `CREATE FUNCTION public.tripwire(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM public.caught(); RETURN 1; END'`,
  `CREATE FUNCTION public.snare() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM public.caught(); RETURN NEW; END'`,
  'CREATE DOMAIN public.wary AS int CHECK (public.tripwire(VALUE) = 1)',
  `CREATE TABLE public.caught_rows (i int DEFAULT public.tripwire(1), w public.wary, CHECK (public.tripwire(i) = 1),
    g int GENERATED ALWAYS AS (public.tripwire(i)) STORED)`,
  'CREATE INDEX ON public.caught_rows (public.tripwire(i)) WHERE public.tripwire(i) = 1',
  'INSERT INTO public.caught_rows VALUES (1, 1)',
  'CREATE TRIGGER snare BEFORE INSERT OR UPDATE OR DELETE ON public.caught_rows FOR EACH ROW EXECUTE FUNCTION public.snare()',
  'CREATE RULE snare AS ON UPDATE TO public.caught_rows DO ALSO SELECT public.caught()',
  'ALTER TABLE public.caught_rows ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',
  'CREATE POLICY snare ON public.caught_rows USING (public.tripwire(i) = 1)',
  'CREATE MATERIALIZED VIEW public.caught_view AS SELECT public.tripwire(1)',
  'ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC',
  'ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO PUBLIC',
  ...maliciousNames.flatMap((name) => [
    `CREATE SCHEMA "${name}"`,
    `CREATE TABLE "${name}"."${name}" ("${name}" int)`,
    `CREATE FUNCTION "${name}"."${name}"("${name}" "${name}"."${name}") RETURNS int LANGUAGE sql AS 'SELECT 1'`,
  ]),
];

/**
 * Lays traps in a pull request's database, by its own role: whoever else is caught in one is written down, in a sequence,
 * which no ROLLBACK undoes, and by a new role, which outlives the database.
 */
export async function createShadowObjects(emulator: EmulatorHarness, login: Login): Promise<void> {
  const detector = [
    'CREATE SEQUENCE public.witness',
    'GRANT ALL ON SEQUENCE public.witness TO PUBLIC',
    'GRANT ALL ON SCHEMA public TO PUBLIC',
    `CREATE FUNCTION public.caught() RETURNS oid LANGUAGE plpgsql AS $$
     BEGIN
       IF pg_catalog.starts_with(current_user::text, 'relecloud_app') THEN RETURN 0; END IF;
       PERFORM pg_catalog.nextval('public.witness');
       CREATE ROLE caught;
       RETURN 0;
     EXCEPTION WHEN OTHERS THEN RETURN 0;
     END $$`,
  ];
  // "$user" of the administrator's default search_path, too.
  const schemas = ['CREATE SCHEMA relecloud_admin', 'GRANT ALL ON SCHEMA relecloud_admin TO PUBLIC'];
  const setSearchPath = `ALTER ROLE CURRENT_USER SET search_path = public, pg_catalog`;
  const statements = [
    ...detector,
    ...schemas,
    ...triggeringObjects,
    ...shadowObjectsSql('public'),
    ...shadowObjectsSql('relecloud_admin'),
    setSearchPath,
  ];
  await query(emulator, login, `SET search_path = pg_catalog; ${statements.join('; ')}`);
}

/** Proves that the traps work: an administrator who is careless about its search_path is caught. */
export async function verifyShadowObjects(emulator: EmulatorHarness, login: Login): Promise<void> {
  const carelessLogin = adminLogin(login.host, login.database);
  for (const sql of [
    `SELECT format('x'::text, 'y'::text)`,
    `SELECT 'x'::text = 'y'::text`,
    'SELECT oid FROM pg_roles',
  ]) {
    for (const path of ['public, pg_catalog', 'relecloud_admin, pg_catalog']) {
      await query(emulator, carelessLogin, `SET search_path = ${path}; ${sql}`);
      const calls = await readShadowCalls(emulator, login);
      if (!calls.witness || calls.roles !== 1) throw new Error(`the trap is not sprung by ${sql} in ${path}`);
      await query(emulator, login, `SELECT pg_catalog.setval('public.witness', 1, false)`);
      await query(emulator, adminLogin(login.host), 'DROP ROLE caught');
    }
  }
}

/** Whether anybody was caught in a database. */
export async function readShadowCalls(
  emulator: EmulatorHarness,
  login: Login,
): Promise<{ witness: boolean; roles: number }> {
  const [row] = await query(emulator, login, shadowCallsSql);
  return row as { witness: boolean; roles: number };
}

const shadowCallsSql = `SELECT is_called AS witness, (SELECT pg_catalog.count(*)::int FROM pg_catalog.pg_roles
  WHERE rolname OPERATOR(pg_catalog.=) 'caught'::name) AS roles FROM public.witness`;
