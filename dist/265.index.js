"use strict";exports.id=265,exports.ids=[265,352],exports.modules={93352:((e,t,n)=>{n.d(t,{DEFAULT_PRIVILEGES_SQL:()=>o,U:()=>r,u:()=>a});let r=`
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
  FROM change d ORDER BY d.revoked DESC`}),3265:((e,t,n)=>{n.d(t,{carryRights:()=>carryRights,listNotCarried:()=>listNotCarried});var r=n(83849),i=n(64509),a=n(18743),o=n(73858),s=n(93352),c=n(81071);async function carryRights({run:e,reader:t},n,{name:r,template:i},{name:l,base:u,marker:d}){let f=[l,u],p=await n.query(`SELECT * FROM (${s.u}) AS s WHERE type = 'foreign-data wrapper'`,f);await(0,c.SW)(e,n,l,p);let m=(0,o.qf)(d.repositoryId,await t.markedRoles()),h=[...await listInheritedRoles(n,l,u),...m],g=await n.query(`SELECT rolname AS name FROM pg_roles WHERE rolname = $1 AND rolbypassrls`,[u]),_=await(0,c.j0)(e,n,l,{predecessors:h,policiesApply:g.length===0}),v=[...await n.query(s.u,f),...await n.query(s.DEFAULT_PRIVILEGES_SQL,[l,null])],y=new Map([...await(0,c.SW)(e,n,l,v),..._]),b={role:l,base:u,administrator:await(0,a.P)(n),template:i},x=await listNotCarried(n,b,y);x.length>0&&warnNotCarried(e,r,b,x)}async function listInheritedRoles(e,t,n){return[n,...(await e.query(`WITH ${s.U} SELECT rolname AS name FROM base`,[t,n])).map(({name:e})=>e)]}let l=`
  WITH ${s.U},
  member AS (
    -- An extension stands for its members.
    SELECT d.*, e.refobjid AS extension FROM dependency d LEFT JOIN pg_depend e
      ON e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e' AND e.refclassid = 'pg_extension'::regclass
  ),
  -- In every text that can name a role; $2 is matched as an identifier in quotes, or after a keyword.
  pattern AS (
    SELECT format('[''"]%1$s[''"]|\\m(ROLE|TO|USER)\\s+%1$s(?![\\w$])', regexp_replace($2::text, '([^[:alnum:]_])', '\\\\\\1', 'g')) AS text
  ),
  texts AS (
    SELECT 'pg_policy'::regclass AS classid, p.oid AS objid, concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) AS text FROM pg_policy p
    UNION ALL SELECT 'pg_attrdef'::regclass, oid, pg_get_expr(adbin, adrelid) FROM pg_attrdef
    UNION ALL SELECT 'pg_constraint'::regclass, oid, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c'
    UNION ALL SELECT 'pg_class'::regclass, oid, pg_get_viewdef(oid) FROM pg_class WHERE relkind IN ('v', 'm') AND oid >= 16384
    UNION ALL SELECT 'pg_proc'::regclass, oid, prosrc FROM pg_proc WHERE oid >= 16384
    UNION ALL SELECT 'pg_trigger'::regclass, oid, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
  ),
  lines AS (
    SELECT 'grant' AS cause, g.classid, g.objid, g.objsubid, g.owner, g.privileges AS detail FROM missing_grant g
    UNION ALL SELECT 'policy', 'pg_policy'::regclass, objid, 0, owner, '' FROM missing_policy
    UNION ALL SELECT 'default', 'pg_default_acl'::regclass, objid, 0, owner, string_agg(privilege, ', ' ORDER BY privilege) FROM missing_default GROUP BY objid, owner
    UNION ALL SELECT 'owner', 'pg_extension'::regclass, extension, 0, NULL, '' FROM member WHERE deptype = 'o' AND extension IS NOT NULL GROUP BY extension
    UNION ALL SELECT 'owner', d.classid, d.objid, d.objsubid, NULL, '' FROM member d CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) i
      WHERE d.extension IS NULL AND (
        d.deptype = 'o' AND i.type <> 'default acl' AND i.type <> ALL ($4)
        OR d.deptype = 'o' AND d.classid = 'pg_proc'::regclass AND d.objid IN (SELECT evtfoid FROM pg_event_trigger)
        OR d.deptype = 'a' AND d.classid <> 'pg_default_acl'::regclass AND d.classid NOT IN (SELECT classid FROM acl)
        OR d.deptype NOT IN ('o', 'a', 'r', 'i'))
    UNION ALL SELECT DISTINCT 'global', d.classid, d.objid, 0, NULL::oid, '' FROM pg_shdepend d JOIN base b ON b.oid = d.refobjid
      WHERE d.refclassid = 'pg_authid'::regclass AND d.dbid = 0 AND d.deptype = 'a' AND d.classid::regclass::text IN ('pg_parameter_acl', 'pg_tablespace')
    UNION ALL SELECT 'text', t.classid, t.objid, 0, NULL::oid, '' FROM texts t, pattern p
      WHERE $1 <> $2 AND t.text ~* p.text
        AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = t.classid AND e.objid = t.objid AND e.deptype = 'e')
  )
  SELECT l.cause, i.type, i.identity, pg_get_userbyid(l.owner) AS owner, l.detail
  FROM lines l CROSS JOIN LATERAL pg_identify_object(l.classid, l.objid, l.objsubid) i
  UNION SELECT 'membership', 'role', quote_ident(m.rolname), NULL, m.rolname FROM pg_roles b
    JOIN pg_auth_members a ON a.member = b.oid JOIN pg_roles m ON m.oid = a.roleid WHERE b.rolname = $2 AND $1 <> $2
  UNION SELECT 'global', 'attribute', 'BYPASSRLS', NULL, '' FROM pg_roles b WHERE b.rolname = $2 AND $1 <> $2 AND b.rolbypassrls
  UNION SELECT 'subscription', 'subscription', quote_ident(s.subname), NULL, '' FROM pg_subscription s
    JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = $3 AND d.datname <> current_database()
  ORDER BY 1, 2, 3`;async function listNotCarried(e,{role:t,base:n,administrator:r,template:i},a=new Map){let o=await(0,c.DP)(e,t),s=await e.query(l,[t,n,i??null,c.G_]),u=await describeOwners(e,r,[...o.map(({owner:e})=>e),...s.flatMap(({owner:e})=>e??[])]),ownerReason=(e,t)=>u.get(t)?.reason??`PostgreSQL refused it: ${a.get(e)??`the log of the run that created the database has its message`}`,unadministered=e=>e!==null&&u.get(e)?.isSuperuser===!1?e:void 0,d=await listInheritedRoles(e,t,n),f=new Set(o.map(c.T5)),p=new Map(s.filter(({cause:e})=>e===`grant`).map(e=>[(0,c.T5)(e),e]));return[...o.map(e=>{let{owner:r}=e,i=(0,c.T5)(e),a=e.type===`server`&&!d.includes(r),o=a?`the owner of a foreign server can read the passwords that it stores for PUBLIC`:ownerReason(i,r),s=p.get(i);return{subject:i,reason:`it keeps its owner '${r}'${s===void 0?``:`, and ${describeDependency(s,t,n)}`}, because ${o}`,unadministeredOwner:a?void 0:unadministered(r)}}),...s.filter(e=>e.cause!==`grant`||!f.has((0,c.T5)(e))).map(e=>{let r=(0,c.T5)(e),{owner:i}=e,a=i===null?``:`, because ${ownerReason(r,i)}`;return{subject:r,reason:`${describeDependency(e,t,n)}${a}`,unadministeredOwner:unadministered(i)}})]}function describeDependency({cause:e,type:t,detail:n},r,i){switch(e){case`grant`:return`'${r}' lacks ${n}, which '${i}' has`;case`policy`:return`it applies to '${i}' and not to '${r}'`;case`default`:return`it grants ${n} to '${i}' and not to '${r}'`;case`text`:return`its text names '${i}', so it does not hold for '${r}'; a text cannot be changed automatically`;case`subscription`:return`PostgreSQL does not clone subscriptions`;case`membership`:return`'${r}' is no member of it, because a membership holds in every database of the server; what it may do in this database is granted to '${r}' if '${i}' inherits it`;case`global`:return`'${i}' has it on the whole server, and '${r}' has rights in this database alone`;case`owner`:return u[t]??`PostgreSQL has no statement that carries it to '${r}'`}}let u={extension:`PostgreSQL cannot change the owner of an extension, and its members stay with it`,"event trigger":`only a superuser can own it`,function:`an event trigger runs it, also for statements of the administrator`,"foreign-data wrapper":`only a superuser can own it`,"user mapping":`it can hold a password for another server; create one for the pull request’s role with CREATE USER MAPPING`};async function describeOwners(e,t,n){let r=await e.query(`SELECT r.rolname AS name, r.rolsuper AS "isSuperuser" FROM pg_roles r
     WHERE r.rolname = ANY ($2) AND (r.rolsuper OR NOT pg_has_role($1, r.oid, 'MEMBER')
       AND current_setting('server_version_num')::int >= 160000 AND NOT EXISTS (SELECT FROM pg_auth_members a
         WHERE a.roleid = r.oid AND a.admin_option AND pg_has_role($1, a.member, 'USAGE')))`,[t,[...new Set(n)]]);return new Map(r.map(e=>[e.name,{...e,reason:e.isSuperuser?`'${e.name}' is a superuser of Azure`:`'${t}' does not administer role '${e.name}'`}]))}function warnNotCarried(e,t,{role:n,base:a,administrator:o},s){let c=s.slice(0,d).map(({subject:e,reason:t})=>`\n- ${e}: ${t}.`),l=s.length>c.length?`\n- and ${s.length-c.length} more.`:``,u=[...new Set(s.flatMap(({unadministeredOwner:e})=>e??[]))],p=u.slice(0,d).map(e=>`GRANT ${r.Ay.escapeIdentifier(e)} TO ${r.Ay.escapeIdentifier(o)} WITH ADMIN OPTION;`),m=n===a?`then clone the template again`:`then run the step with reset: true`,h=u.length===0?``:`\nTo carry what such an owner has, run this as a role that administers the owner, ${m}: ${p.join(` `)}`;e.warning((0,i.jZ)(`Database '${t}' does not carry these to role '${n}':${c.join(``)}${l}${h}`,f))}let d=50,f=2e4})};