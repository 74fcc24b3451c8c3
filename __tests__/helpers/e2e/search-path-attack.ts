import type { EmulatorHarness } from './emulator-harness.ts';
import { adminLogin, type Login, query } from './postgres-client.ts';

/** Functions and operator functions of pg_catalog that the action uses, with their return types. */
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

/** Creates in a schema what the action uses from pg_catalog. With another search_path, these objects would be found first. */
const shadowObjectsSql = (schema: string): readonly string[] => [
  ...shadowFunctions.map(
    ([signature, returns]) =>
      `CREATE FUNCTION ${schema}.${signature} RETURNS ${returns} LANGUAGE plpgsql AS 'BEGIN PERFORM public.detected(); RETURN NULL; END'`,
  ),
  ...shadowOperators.map((operator) => `CREATE OPERATOR ${schema}.${operator.replace('$', schema)}`),
  ...shadowViews.map(
    (name) => `CREATE VIEW ${schema}.${name} AS SELECT public.detected() AS oid, 'x'::name AS datname`,
  ),
];

const maliciousNames = [
  `x'); SELECT public.detected(); --`,
  '$handover$; SELECT public.detected(); DO $handover$',
  '%I%s%L detected',
];

/** Objects that run code when they are read, validated, rewritten or changed, and objects whose names contain SQL. */
const triggeringObjects: readonly string[] = [
  `CREATE FUNCTION public.detect(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM public.detected(); RETURN 1; END'`,
  `CREATE FUNCTION public.on_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM public.detected(); RETURN NEW; END'`,
  'CREATE DOMAIN public.detecting_int AS int CHECK (public.detect(VALUE) = 1)',
  `CREATE TABLE public.detected_rows (i int DEFAULT public.detect(1), w public.detecting_int, CHECK (public.detect(i) = 1),
    g int GENERATED ALWAYS AS (public.detect(i)) STORED)`,
  'CREATE INDEX ON public.detected_rows (public.detect(i)) WHERE public.detect(i) = 1',
  'INSERT INTO public.detected_rows VALUES (1, 1)',
  'CREATE TRIGGER on_change BEFORE INSERT OR UPDATE OR DELETE ON public.detected_rows FOR EACH ROW EXECUTE FUNCTION public.on_change()',
  'CREATE RULE on_update AS ON UPDATE TO public.detected_rows DO ALSO SELECT public.detected()',
  'ALTER TABLE public.detected_rows ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',
  'CREATE POLICY on_read ON public.detected_rows USING (public.detect(i) = 1)',
  'CREATE MATERIALIZED VIEW public.detected_view AS SELECT public.detect(1)',
  'ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC',
  'ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO PUBLIC',
  ...maliciousNames.flatMap((name) => [
    `CREATE SCHEMA "${name}"`,
    `CREATE TABLE "${name}"."${name}" ("${name}" int)`,
    `CREATE FUNCTION "${name}"."${name}"("${name}" "${name}"."${name}") RETURNS int LANGUAGE sql AS 'SELECT 1'`,
  ]),
];

/**
 * Creates, as a pull request's role, objects that detect when another role runs code of the pull request's database. They
 * record it in a sequence, which ROLLBACK does not reset, and by creating a role, which outlives the database.
 */
export async function createShadowObjects(emulator: EmulatorHarness, login: Login): Promise<void> {
  const detector = [
    'CREATE SEQUENCE public.detected_calls',
    'GRANT ALL ON SEQUENCE public.detected_calls TO PUBLIC',
    'GRANT ALL ON SCHEMA public TO PUBLIC',
    `CREATE FUNCTION public.detected() RETURNS oid LANGUAGE plpgsql AS $$
     BEGIN
       IF pg_catalog.starts_with(current_user::text, 'relecloud_app') THEN RETURN 0; END IF;
       PERFORM pg_catalog.nextval('public.detected_calls');
       CREATE ROLE detected;
       RETURN 0;
     EXCEPTION WHEN OTHERS THEN RETURN 0;
     END $$`,
  ];
  // The administrator's default search_path contains "$user".
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

/** Verifies that the objects detect an administrator's session that has another search_path than pg_catalog. */
export async function verifyShadowObjects(emulator: EmulatorHarness, login: Login): Promise<void> {
  const admin = adminLogin(login.host, login.database);
  for (const sql of [
    `SELECT format('x'::text, 'y'::text)`,
    `SELECT 'x'::text = 'y'::text`,
    'SELECT oid FROM pg_roles',
  ]) {
    for (const path of ['public, pg_catalog', 'relecloud_admin, pg_catalog']) {
      await query(emulator, admin, `SET search_path = ${path}; ${sql}`);
      const calls = await readShadowCalls(emulator, login);
      if (!calls.sequenceUsed || calls.roles !== 1)
        throw new Error(`With search_path ${path}, ${sql} is not detected.`);
      await query(emulator, login, `SELECT pg_catalog.setval('public.detected_calls', 1, false)`);
      await query(emulator, adminLogin(login.host), 'DROP ROLE detected');
    }
  }
}

/** Reads whether another role has run code of a pull request's database. */
export async function readShadowCalls(
  emulator: EmulatorHarness,
  login: Login,
): Promise<{ sequenceUsed: boolean; roles: number }> {
  const [row] = await query(emulator, login, shadowCallsSql);
  return row as { sequenceUsed: boolean; roles: number };
}

const shadowCallsSql = `SELECT is_called AS "sequenceUsed", (SELECT pg_catalog.count(*)::int FROM pg_catalog.pg_roles
  WHERE rolname OPERATOR(pg_catalog.=) 'detected'::name) AS roles FROM public.detected_calls`;
