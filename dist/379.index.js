"use strict";exports.id=379,exports.ids=[379,352,506,265,164,760,783],exports.modules={36289:((e,t,n)=>{n.d(t,{B:()=>createScramVerifier,J:()=>derivePassword});var r=n(77598);function derivePassword(e,{serverId:t,database:n,role:i}){let a=JSON.stringify([`azure-postgresql-action: password of an application role`,t.toLowerCase(),n,i]);return Buffer.from((0,r.hkdfSync)(`sha256`,Buffer.from(e,`hex`),``,a,32)).toString(`base64url`)}let i=4096;function createScramVerifier(e,t=(0,r.randomBytes)(16)){let n=(0,r.pbkdf2Sync)(saslPrep(e),t,i,32,`sha256`),hmac=e=>(0,r.createHmac)(`sha256`,n).update(e).digest(),a=(0,r.createHash)(`sha256`).update(hmac(`Client Key`)).digest(`base64`),o=hmac(`Server Key`).toString(`base64`);return`SCRAM-SHA-256$${i}:${t.toString(`base64`)}$${a}:${o}`}let a=/[\u00A0\u1680\u2000-\u200B\u202F\u205F\u3000]/gu,o=/\u00AD|\u034F|\u1806|\u180B|\u180C|\u180D|\u200C|\u200D|\u2060|[\uFE00-\uFE0F]|\uFEFF/gu,saslPrep=e=>e.replace(a,` `).replace(o,``).normalize(`NFKC`)}),93352:((e,t,n)=>{n.d(t,{DEFAULT_PRIVILEGES_SQL:()=>o,U:()=>r,u:()=>a});let r=`
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
         WHERE a.roleid = r.oid AND a.admin_option AND pg_has_role($1, a.member, 'USAGE')))`,[t,[...new Set(n)]]);return new Map(r.map(e=>[e.name,{...e,reason:e.isSuperuser?`'${e.name}' is a superuser of Azure`:`'${t}' does not administer role '${e.name}'`}]))}function warnNotCarried(e,t,{role:n,base:a,administrator:o},s){let c=s.slice(0,d).map(({subject:e,reason:t})=>`\n- ${e}: ${t}.`),l=s.length>c.length?`\n- and ${s.length-c.length} more.`:``,u=[...new Set(s.flatMap(({unadministeredOwner:e})=>e??[]))],p=u.slice(0,d).map(e=>`GRANT ${r.Ay.escapeIdentifier(e)} TO ${r.Ay.escapeIdentifier(o)} WITH ADMIN OPTION;`),m=n===a?`then clone the template again`:`then run the step with reset: true`,h=u.length===0?``:`\nTo carry what such an owner has, run this as a role that administers the owner, ${m}: ${p.join(` `)}`;e.warning((0,i.jZ)(`Database '${t}' does not carry these to role '${n}':${c.join(``)}${l}${h}`,f))}let d=50,f=2e4}),99379:((e,t,n)=>{n.d(t,{claimCreation:()=>claimCreation,createDatabase:()=>createDatabase});var r=n(83849),i=n(56823),a=n(41741),o=n(59072),s=n(52873),c=n(18743),l=n(19965),u=n(73858),d=n(33506),f=n(98164),p=n(3265),m=n(11999);async function cloneStrategyClause(e,t){let[n]=await e.query(`SELECT current_setting('server_version_num')::int AS version,
       CASE WHEN has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE')
         THEN pg_database_size(oid) END AS size
     FROM pg_database WHERE datname = $1`,[t]);return n===void 0||n.version<15e4||n.size===null?``:Number(n.size)>=134217728?`STRATEGY file_copy`:`STRATEGY wal_log`}async function retryWhileInUse(e,t,n,r,i){let o=!1,c=0,l=new Set,attempt=async()=>{let e=await i(await findDatabaseOid(t,n));return(0,s._F)(e,l).length>0&&(c+=1),await r()},getRetryReason=async(r,i)=>{let l=await findBlockers(t,await findDatabaseOid(t,n),r);if(`sessions`in l&&i>=3e4){let e={template:n,after:(0,m.a3)(i),timesEnded:c,hint:(0,s.Lx)(n)};throw(0,a.Pg)(`template-in-use`,{...e,...l},{cause:r})}let u=Object.values(l).flat().join(`; `);return o||e.info(`Waiting for template '${n}': ${u}`),o=!0,u};return await(0,m.L5)(e,`cloning template '${n}'`,attempt,getRetryReason,{pauses:()=>500,log:`debug`})}async function findDatabaseOid(e,t){let[n]=await e.query(`SELECT oid::text AS oid FROM pg_database WHERE datname = $1`,[t]);return n?.oid??`0`}async function findBlockers(e,t,n){let r=(0,l.YM)(n);if(r===`55006`)return{sessions:await(0,s.db)(e,`in the database`,{oid:t})};if(r===l.oN)return{locks:await(0,s.db)(e,`that lock the database`,{oid:t})};throw n}async function copyGrants(e,t,n,{templateRole:i,cloneRole:a,others:o}){let s=await e.query(`SELECT r.rolname AS grantee, a.privilege_type AS privilege, a.is_grantable AS grantable
     FROM pg_database d CROSS JOIN LATERAL aclexplode(d.datacl) a JOIN pg_roles r ON r.oid = a.grantee
     WHERE d.datname = $1 AND a.grantee <> d.datdba AND NOT r.rolsuper AND r.rolname <> current_user
       AND r.rolname <> ALL ($2)`,[t,[i,a,...o].filter(e=>e!==void 0)]),c=r.Ay.escapeIdentifier(n);for(let{grantee:t,privilege:n,grantable:i}of s){let a=i?` WITH GRANT OPTION`:``;await e.query(`GRANT ${n} ON DATABASE ${c} TO ${r.Ay.escapeIdentifier(t)}${a}`)}}async function copySettings(e,t,n,i,{templateRole:a,cloneRole:o}){let s=await t.query(`SELECT c.setting, s.setrole <> 0 AS "ofRole", coalesce((SELECT p.vartype = 'string' FROM pg_settings p
       WHERE lower(p.name) = lower(split_part(c.setting, '=', 1))), true) AS "isText"
     FROM pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) AS c (setting)
       LEFT JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole
     WHERE d.datname = $1 AND s.setrole = 0 OR r.rolname = $2 AND (d.datname = $1 OR s.setdatabase = 0 AND $2 <> $3)
     ORDER BY s.setdatabase <> 0`,[n,o===void 0?null:a??null,o??null]);for(let{setting:a,ofRole:c,isText:u}of s){let s=a.indexOf(`=`),d=a.slice(0,s),f=a.slice(s+1),p=d.split(`.`).map(r.Ay.escapeIdentifier).join(`.`),m=c?`ROLE ${r.Ay.escapeIdentifier(o??``)} IN DATABASE ${r.Ay.escapeIdentifier(i)}`:`DATABASE ${r.Ay.escapeIdentifier(i)}`;try{u?await t.transaction(async()=>{await t.query(`SELECT pg_catalog.set_config($1, $2, true)`,[d,f]),await t.query(`ALTER ${m} SET ${p} FROM CURRENT`)}):await t.query(`ALTER ${m} SET ${p} TO ${r.Ay.escapeLiteral(f)}`)}catch(t){if((0,l.YM)(t)===``)throw t;e.warning(`The setting '${d}' of template '${n}' was not set on its clone: ${(0,l.jC)(t)}`)}}}var h=n(7709),g=n(46068),_=n(81071);async function createDatabase(e,t){let{database:n}=t,r=await createOrAdopt(e,t),i=await e.reader.database(n.name);if(i.status===`unknown`)throw i.error;return i.status===`absent`||!(0,u.eC)(i.value,n)||!await completeDatabase(e,t).catch(e=>{throw toDatabaseError(n.name,e)})?`adopted`:(r===`adopted`&&e.run.info(`Completed the creation of database '${n.name}', which another run had begun.`),`created`)}let claimCreation=(e,t,n)=>(0,l.Sf)(e,()=>t.transaction(()=>replaceConnectionLimit(t,n.name,(0,u.bR)(n),-1)));async function createOrAdopt(e,t){let{run:n,reader:i}=e,{session:a}=i,{database:o}=t,{name:c,template:d=`template0`}=o,f=new Set,p=ownerRepositoryId(t),m=`CREATE DATABASE ${r.Ay.escapeIdentifier(c)} ${await sourceClause(a,o)} CONNECTION LIMIT ${(0,u.WG)(o)}`;try{return await retryWhileInUse(n,a,d,()=>a.query(m),async t=>o.template===void 0?[]:await(0,s.VQ)(e,`in the database`,{name:d,oid:t,repositoryId:p},f)),`created`}catch(e){if((0,l.dc)(e))return`adopted`;let t=(0,l.YM)(e),n=isCollationVersionMismatch(e)?await collationVersionHint(a,d):t===``?void 0:await createDatabaseHint(a,t,o);throw toDatabaseError(c,e,n===void 0?{}:{[t]:n})}}async function sourceClause(e,t){let{template:n}=t;if(n!==void 0)return`TEMPLATE ${r.Ay.escapeIdentifier(n)} ${await cloneStrategyClause(e,n)}`;let i=r.Ay.escapeLiteral((0,o.JU)(t));return`TEMPLATE template0 ENCODING ${r.Ay.escapeLiteral((0,o.wW)(t))} LC_COLLATE ${i} LC_CTYPE ${i}`}async function createDatabaseHint(e,t,n){let{template:r}=n;if(t===`42501`)return r===void 0?`Grant CREATEDB to the role in admin-username, or set admin-username to the administrator of the server.`:`Make admin-username the owner of the template, or ask its owner to run: ALTER DATABASE "${r}" IS_TEMPLATE true;`;if(t===`3D000`)return`Check the input template: the server has no such database.`;if(r===void 0&&t===`42704`)return`This version of PostgreSQL has no charset ${(0,o.wW)(n)}: declare another, such as charset: UTF8.`;if(r===void 0&&t===`42809`)return await unknownLocaleHint(e,n);if(r===void 0&&t===`22023`)return await charsetMismatchHint(e,n)}function toDatabaseError(e,t,n){return(0,l.YM)(t)===``?t:(0,a.Pg)(`database-failed`,{database:e,...(0,l.DN)(t,n)},{cause:t})}async function unknownLocaleHint(e,t){let n=await describeLocales(e,t);return`Declare a collation that is a locale of the server's operating system and fits charset ${(0,o.wW)(t)}: ${[`C`,...n].join(`, `)}. The collations of ICU, such as en-US-x-icu, cannot be a database's collation.`}async function charsetMismatchHint(e,t){let n=await describeLocales(e,t),r=n.length===0?``:` (as do these: ${n.join(`, `)})`,a=(0,i.mM)((0,o.JU)(t)),s=a===void 0?``:`, or charset: ${a}, which this collation requires`;return`Declare collation: C as well, which fits charset ${(0,o.wW)(t)}${r}${s}.`}async function describeLocales(e,t){let n=(0,o.JU)(t).split(/[_.@]/,1)[0]??``;return(await e.query(`SELECT DISTINCT collcollate AS locale, starts_with(lower(collcollate), lower($2)) AS "isSimilar"
       FROM pg_collation WHERE collprovider = 'c' AND collencoding = pg_char_to_encoding($1) AND collcollate = collctype
       ORDER BY "isSimilar" DESC, locale LIMIT 20`,[(0,o.wW)(t),n]).catch(()=>[])).map(({locale:e})=>e)}let isCollationVersionMismatch=e=>(0,l.NR)(e).includes(`REFRESH COLLATION VERSION`);async function collationVersionHint(e,t){let[n]=await e.query(`SELECT pg_get_userbyid(datdba) AS owner, pg_has_role(datdba, 'USAGE') AS "isOwn", current_user AS user
     FROM pg_database WHERE datname = $1`,[t]),{owner:i=``,isOwn:a=!1,user:o=``}=n??{},s=r.Ay.escapeIdentifier(t);return`Indexes on text in the template can be in the wrong order, and each clone would contain them. Connect to ${s} as ${a?`'${o}'`:`its owner '${i}', because '${o}' must not change it,`} and run two statements, each on its own: first REINDEX DATABASE ${s}; then ALTER DATABASE ${s} REFRESH COLLATION VERSION; the first locks one table after the other. Partitions by a range of text, and CHECK constraints that compare text, need a check of their own. Then run the step again.`}async function completeDatabase(e,t){let{run:n,reader:i}=e,{session:a}=i,{database:o,appRole:s,extensions:c}=t;await setOwnership(e,t),s!==void 0&&o.marker!==void 0&&await(0,f.x)(e,s.name),(s!==void 0||c.length>0)&&await initializeContents(e,t),o.template!==void 0&&await copySettings(n,a,o.template,o.name,toRoleMapping(s));let d=s&&`GRANT CONNECT ON DATABASE ${r.Ay.escapeIdentifier(o.name)} TO ${r.Ay.escapeIdentifier(s.name)}`;return await(0,l.Sf)(n,()=>a.transaction(async()=>(d!==void 0&&await a.query(d),await replaceConnectionLimit(a,o.name,(0,u.WG)(o),(0,u.bR)(o)))))}async function replaceConnectionLimit(e,t,n,i){let a=r.Ay.escapeIdentifier(t);await(0,g.J)(e,t);let[o]=await e.query(`SELECT datconnlimit AS limit FROM pg_database WHERE datname = $1`,[t]);return o?.limit===n&&(await e.query(`ALTER DATABASE ${a} CONNECTION LIMIT ${i}`),!0)}let ownerRepositoryId=({database:e,appRole:t})=>e.marker?.repositoryId??t?.marker.repositoryId??``,toRoleMapping=e=>({templateRole:e?.base,cloneRole:e?.name});async function setOwnership({run:e,reader:t},n){let{session:i}=t,{database:a,appRole:o}=n,s=r.Ay.escapeIdentifier(a.name),c=await t.now(),d=(0,u.qf)(ownerRepositoryId(n),await t.markedRoles());await(0,l.Sf)(e,()=>i.transaction(async()=>{a.marker!==void 0&&await i.query((0,h.Cm)(a,c)),await i.query(`REVOKE CONNECT ON DATABASE ${s} FROM PUBLIC`),o!==void 0&&await i.query(`GRANT CREATE, TEMPORARY ON DATABASE ${s} TO ${r.Ay.escapeIdentifier(o.name)}`),a.template!==void 0&&await copyGrants(i,a.template,a.name,{...toRoleMapping(o),others:d})}))}async function initializeContents(e,t){let{run:n}=e,{database:r,appRole:i,extensions:a}=t,{name:o,template:s}=r;await(0,c.W)(e,o,async t=>{for(let n of a)await(0,d.createExtension)(e,t,n,!1);i!==void 0&&(s===void 0?await(0,_.Yf)(n,t,i.name):await(0,p.carryRights)(e,t,r,i))})}}),7709:((e,t,n)=>{n.d(t,{Ay:()=>readExpiry,Cm:()=>markerCommentSql,Mm:()=>extendExpiry});var r=n(83849),i=n(41741),a=n(24872),o=n(19965),s=n(73858);function markerCommentSql({name:e,marker:t,expiresInMs:n},i){let o=n===void 0?void 0:new Date(i.getTime()+n),s=t===void 0?``:(0,a.J5)(t,o);return`COMMENT ON DATABASE ${r.Ay.escapeIdentifier(e)} IS ${r.Ay.escapeLiteral(s)}`}async function extendExpiry(e,t,n){let r=await t.database(n.name);if(r.status!==`present`||!(0,s.Dg)(r.value,n)||(0,s.eC)(r.value,n)||n.expiresInMs===void 0&&r.value.marker?.expires===void 0)return;let i=await t.now();await(0,o.Sf)(e,()=>t.session.query(markerCommentSql(n,i)))}async function readExpiry(e,t){let n=await e.database(t.name);if(n.status===`unknown`)throw n.error;if(n.status===`present`&&(0,s.Dg)(n.value,t))return n.value.marker?.expires;throw(0,i.Pg)(`database-failed`,{database:t.name,reason:`another job dropped it during this run.`,hint:`If the pull request is still open, run the step again.`})}}),46068:((e,t,n)=>{n.d(t,{J:()=>lockDatabaseRow});var r=n(83849);let lockDatabaseRow=(e,t)=>e.query(`GRANT CONNECT ON DATABASE ${r.Ay.escapeIdentifier(t)} TO CURRENT_USER`)}),33506:((e,t,n)=>{n.d(t,{createExtension:()=>createExtension});var r=n(83849),i=n(41741),a=n(11999),o=n(19965);async function createExtension({run:e,allowExtensions:t},n,a,s){if((await n.query(`SELECT FROM pg_extension WHERE extname = $1`,[a])).length>0)return;let c=await findAvailableExtension(n,a);if(c===void 0)throw(0,i.Pg)(`extension-failed`,{extension:a,reason:`the server does not offer it.`,hint:`Check its name: SELECT name FROM pg_available_extensions lists the extensions that the server offers.`});let{schema:l,trusted:u}=c,d=s&&!u?await findUntrustedSchemaOwner(n,l??`public`):void 0;if(d!==void 0){let e=`it is not a trusted extension, so its script must not run in schema ${l??`public`}, in which role '${d}' may have created objects.`;throw(0,i.Pg)(`extension-failed`,{extension:a,reason:e,hint:`Run the step once with reset: true to create the database again with this extension.`})}let f=l===null?` WITH SCHEMA public`:``,p=`CREATE EXTENSION IF NOT EXISTS ${r.Ay.escapeIdentifier(a)}${f}`;await retryUntilAllowListed({run:e,allowExtensions:t},a,()=>(0,o.Sf)(e,()=>n.query(p)))}async function findAvailableExtension(e,t){let[n]=await e.query(`SELECT v.schema, coalesce((to_jsonb(v) ->> 'trusted')::bool, false) AS trusted FROM pg_available_extensions a
     JOIN pg_available_extension_versions v ON v.name = a.name AND v.version = a.default_version
     WHERE a.name = $1`,[t]);return n}async function findUntrustedSchemaOwner(e,t){let[n]=await e.query(`SELECT r.rolname AS owner FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
     WHERE n.nspname = $1 AND NOT r.rolsuper
       AND r.rolname NOT IN ('azure_pg_admin', 'pg_database_owner', current_user)`,[t]);return n?.owner}let needsPreload=e=>/shared_preload_libraries|must be preloaded/.test(`${(0,i.u1)(e)} ${(0,o.NR)(e)}`),preloadHint=e=>`Add ${e} to the value of shared_preload_libraries in server-parameters, with on-drift: fix, restart the server, then run the step again.`;async function retryUntilAllowListed({run:e,allowExtensions:t},n,r){let getRetryReason=async(e,r)=>{if((0,o.YM)(e)===``)return;let a=/allow-listed/i.test((0,i.u1)(e));if(!a||r>6e4){let t=(0,o.DN)(e,{...a?{[(0,o.YM)(e)]:`The action has added it to the server parameter azure.extensions. Check whether another job or a policy overwrites this parameter, then run the step again.`}:{},...needsPreload(e)?{[(0,o.YM)(e)]:preloadHint(n)}:{},42501:`Set admin-username to the administrator of the server, who is a member of azure_pg_admin. In a database of another owner, the owner has to grant CREATE on the database to it.`});throw(0,i.Pg)(`extension-failed`,{extension:n,...t},{cause:e})}return await t([n]),(0,o.jC)(e)};await(0,a.L5)(e,`extension '${n}' to be allowed on the server`,r,getRetryReason,{log:`debug`})}}),98164:((e,t,n)=>{n.d(t,{createRole:()=>createRole,enableRoleLogin:()=>enableRoleLogin,setRolePassword:()=>setRolePassword,x:()=>resetRoleSettings});var r=n(83849),i=n(41741),a=n(24872),o=n(52873),s=n(36289),c=n(19965);async function createRole(e,{name:t,marker:n}){let i=r.Ay.escapeIdentifier(t);try{return await e.reader.session.query(`CREATE ROLE ${i} LOGIN PASSWORD ${passwordLiteral(e)};
       COMMENT ON ROLE ${i} IS ${r.Ay.escapeLiteral((0,a.J5)(n))}`),`created`}catch(e){if((0,c.dc)(e))return`adopted`;throw toRoleError(t,`Creating`,e)}}async function setRolePassword(e,t){let n=`ALTER ROLE ${r.Ay.escapeIdentifier(t)} PASSWORD ${passwordLiteral(e)}`;await alterRole(e,t,n).catch(e=>{throw toRoleError(t,`Setting the password of`,e)})}async function enableRoleLogin(e,t){await alterRole(e,t,`ALTER ROLE ${r.Ay.escapeIdentifier(t)} LOGIN`).catch(e=>{throw toRoleError(t,`Enabling the login of`,e)})}async function resetRoleSettings(e,t){await alterRole(e,t,`ALTER ROLE ${r.Ay.escapeIdentifier(t)} RESET ALL`)}let alterRole=(e,t,n)=>{let{run:r,reader:i}=e;return(0,c.Sf)(r,()=>i.session.query(n),async()=>{let[n]=await i.session.query(`SELECT oid::text AS oid FROM pg_roles WHERE rolname = $1`,[t]);n!==void 0&&(await(0,o.x2)(r,i.session,`of the role, with uncommitted changes`,n),await(0,o.bR)(e,`of the role, with uncommitted changes`,n))})};function passwordLiteral({appPassword:e}){if(e===void 0)throw Error(`this mode has no password for an application role`);return r.Ay.escapeLiteral((0,s.B)(e))}function toRoleError(e,t,n){if((0,c.YM)(n)===``)return n;let r=(0,c.DN)(n,{42501:`Grant CREATEROLE to the role in admin-username, or set admin-username to the administrator of the server.`});return(0,i.Pg)(`role-failed`,{role:e,doing:t,...r},{cause:n})}})};