"use strict";exports.id=352,exports.ids=[352],exports.modules={93352:((e,t,n)=>{n.d(t,{DEFAULT_PRIVILEGES_SQL:()=>o,U:()=>r,u:()=>a});let r=`
  target AS (SELECT oid, rolname FROM pg_roles WHERE rolname = $1),
  base AS (
    SELECT r.oid, r.rolname FROM pg_roles b JOIN pg_roles r
      ON r.oid = b.oid OR NOT b.rolsuper AND pg_has_role(b.oid, r.oid, 'USAGE')
    WHERE b.rolname = $2 AND $1 <> $2 AND NOT r.rolsuper AND r.rolname !~ '^pg_' AND r.rolname <> 'azure_pg_admin'
      AND r.oid NOT IN (SELECT oid FROM target)
  ),
  dependency AS (
    SELECT DISTINCT d.classid, d.objid, d.objsubid, d.deptype, d.refobjid FROM pg_shdepend d JOIN base b ON b.oid = d.refobjid
    WHERE d.refclassid = 'pg_authid'::regclass AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
  ),
  acl AS (
    SELECT 'pg_class'::regclass AS classid, oid AS objid, 0 AS objsubid, relowner AS owner, relacl AS acl,
      CASE relkind WHEN 'S' THEN 's' ELSE 'r' END AS kind FROM pg_class
    UNION ALL SELECT 'pg_class'::regclass, a.attrelid, a.attnum, c.relowner, a.attacl, 'c'
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
    UNION ALL SELECT 'pg_proc'::regclass, oid, 0, proowner, proacl, 'f' FROM pg_proc
    UNION ALL SELECT 'pg_type'::regclass, oid, 0, typowner, typacl, 'T' FROM pg_type
    UNION ALL SELECT 'pg_namespace'::regclass, oid, 0, nspowner, nspacl, 'n' FROM pg_namespace
    UNION ALL SELECT 'pg_language'::regclass, oid, 0, lanowner, lanacl, 'l' FROM pg_language
    UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid, 0, fdwowner, fdwacl, 'F' FROM pg_foreign_data_wrapper
    UNION ALL SELECT 'pg_foreign_server'::regclass, oid, 0, srvowner, srvacl, 'S' FROM pg_foreign_server
    UNION ALL SELECT 'pg_largeobject'::regclass, oid, 0, lomowner, lomacl, 'L' FROM pg_largeobject_metadata
  ),
  missing_privilege AS (
    SELECT a.classid, a.objid, a.objsubid, a.owner, a.kind, e.privilege_type AS privilege, bool_or(e.is_grantable) AS grantable
    FROM (SELECT DISTINCT classid, objid, objsubid FROM dependency WHERE deptype IN ('a', 'o')) d
      JOIN acl a USING (classid, objid, objsubid)
      CROSS JOIN LATERAL aclexplode(coalesce(a.acl, acldefault(a.kind::"char", a.owner))) e JOIN base b ON b.oid = e.grantee
    WHERE a.owner NOT IN (SELECT oid FROM target) AND NOT EXISTS (
      SELECT FROM aclexplode(coalesce(a.acl, acldefault(a.kind::"char", a.owner))) h
      WHERE (h.grantee = 0 OR h.grantee IN (SELECT oid FROM target)) AND h.privilege_type = e.privilege_type
        AND (h.is_grantable OR NOT e.is_grantable))
    GROUP BY a.classid, a.objid, a.objsubid, a.owner, a.kind, e.privilege_type
  ),
  missing_grant AS (
    SELECT p.classid, p.objid, p.objsubid, p.owner, p.kind, p.grantable, string_agg(
      CASE WHEN p.objsubid = 0 THEN p.privilege ELSE format('%s (%I)', p.privilege, a.attname) END, ', ' ORDER BY p.privilege) AS privileges
    FROM missing_privilege p LEFT JOIN pg_attribute a ON p.kind = 'c' AND a.attrelid = p.objid AND a.attnum = p.objsubid
    GROUP BY p.classid, p.objid, p.objsubid, p.owner, p.kind, p.grantable
  ),
  missing_policy AS (
    SELECT p.oid AS objid, p.polname, p.polrelid, p.polroles, c.relname, c.relowner AS owner, n.nspname
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE p.oid IN (SELECT objid FROM dependency WHERE classid = 'pg_policy'::regclass)
      AND 0 <> ALL (p.polroles) AND NOT p.polroles && ARRAY(SELECT oid FROM target)
  ),
  missing_default AS (
    SELECT d.oid AS objid, d.defaclrole AS owner, d.defaclobjtype, n.nspname, e.privilege_type AS privilege, e.is_grantable AS grantable
    FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace CROSS JOIN LATERAL aclexplode(d.defaclacl) e
      JOIN base b ON b.oid = e.grantee
    WHERE d.defaclrole NOT IN (SELECT oid FROM base UNION SELECT oid FROM target) AND NOT EXISTS (
      SELECT FROM aclexplode(d.defaclacl) h WHERE h.grantee IN (SELECT oid FROM target)
        AND h.privilege_type = e.privilege_type AND (h.is_grantable OR NOT e.is_grantable))
  )`,i=`CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
  WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' WHEN 'L' THEN 'LARGE OBJECTS' END`,a=`
  WITH ${r}
  SELECT i.type, i.identity, pg_get_userbyid(g.owner) AS owner, format('GRANT %s ON %s %s TO %I%s', g.privileges,
      CASE g.kind WHEN 's' THEN 'SEQUENCE' WHEN 'f' THEN 'ROUTINE' WHEN 'T' THEN 'TYPE' WHEN 'n' THEN 'SCHEMA' WHEN 'l' THEN 'LANGUAGE'
        WHEN 'F' THEN 'FOREIGN DATA WRAPPER' WHEN 'S' THEN 'FOREIGN SERVER' WHEN 'L' THEN 'LARGE OBJECT' ELSE 'TABLE' END,
      o.identity, $1::text, CASE WHEN g.grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS statement
  FROM missing_grant g CROSS JOIN LATERAL pg_identify_object(g.classid, g.objid, 0) o
    CROSS JOIN LATERAL pg_identify_object(g.classid, g.objid, g.objsubid) i
  UNION ALL
  SELECT 'policy', i.identity, pg_get_userbyid(p.owner), format('ALTER POLICY %I ON %I.%I TO %s, %I', p.polname, p.nspname, p.relname,
      (SELECT string_agg(quote_ident(r.rolname), ', ') FROM pg_roles r WHERE r.oid = ANY (p.polroles)), $1::text)
  FROM missing_policy p CROSS JOIN LATERAL pg_identify_object('pg_policy'::regclass, p.objid, 0) i
  UNION ALL
  SELECT 'default acl', i.identity, pg_get_userbyid(d.owner), format('ALTER DEFAULT PRIVILEGES FOR ROLE %I %s GRANT %s ON %s TO %I%s', pg_get_userbyid(d.owner),
      CASE WHEN d.nspname IS NULL THEN '' ELSE format('IN SCHEMA %I', d.nspname) END, d.privilege, ${i}, $1::text,
      CASE WHEN d.grantable THEN ' WITH GRANT OPTION' ELSE '' END)
  FROM missing_default d CROSS JOIN LATERAL pg_identify_object('pg_default_acl'::regclass, d.objid, 0) i`,o=`
  WITH source AS (
    SELECT d.oid, d.defaclobjtype, d.defaclrole, d.defaclacl, n.nspname,
      acldefault(CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END, d.defaclrole) AS builtin
    FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
    WHERE pg_get_userbyid(d.defaclrole) <> $1 AND d.defaclobjtype IN ('r', 'S', 'f', 'T', 'n', 'L')
      AND pg_get_userbyid(d.defaclrole) = coalesce($2, pg_get_userbyid(d.defaclrole))
  ), change AS (
    SELECT d.oid, d.defaclobjtype, NULL AS nspname, true AS revoked, d.defaclrole, a.grantee, a.privilege_type, a.is_grantable
    FROM source d CROSS JOIN LATERAL aclexplode(d.builtin) a
    WHERE d.nspname IS NULL AND NOT EXISTS (SELECT FROM aclexplode(d.defaclacl) h
      WHERE h.grantee = a.grantee AND h.privilege_type = a.privilege_type)
    UNION ALL
    SELECT d.oid, d.defaclobjtype, d.nspname, false, d.defaclrole, a.grantee, a.privilege_type, a.is_grantable
    FROM source d CROSS JOIN LATERAL aclexplode(d.defaclacl) a WHERE a.grantee <> d.defaclrole
  )
  SELECT 'default acl' AS type, pg_get_userbyid(d.defaclrole) AS owner,
    (SELECT i.identity FROM pg_identify_object('pg_default_acl'::regclass, d.oid, 0) i) AS identity,
    format('ALTER DEFAULT PRIVILEGES FOR ROLE %I %s %s %s ON %s %s %s %s', $1::text,
      CASE WHEN d.nspname IS NULL THEN '' ELSE format('IN SCHEMA %I', d.nspname) END,
      CASE WHEN d.revoked THEN 'REVOKE' ELSE 'GRANT' END, d.privilege_type, ${i},
      CASE WHEN d.revoked THEN 'FROM' ELSE 'TO' END,
      CASE d.grantee WHEN 0 THEN 'PUBLIC' WHEN d.defaclrole THEN quote_ident($1) ELSE quote_ident(pg_get_userbyid(d.grantee)) END,
      CASE WHEN d.is_grantable AND NOT d.revoked THEN 'WITH GRANT OPTION' ELSE '' END) AS statement
  FROM change d ORDER BY d.revoked DESC`})};