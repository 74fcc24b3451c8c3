/** A server parameter as Azure listed it for a server with PostgreSQL 17. */
export interface RecordedParameter {
  readonly name: string;
  /** ARM's name of the type: `Boolean`, `Integer`, `Numeric`, `Enumeration`, `Set`, `String`. */
  readonly dataType: string;
  readonly unit?: string;
  /** A list, a range `min-max`, or for a `String` a regular expression. */
  readonly allowedValues: string;
  readonly defaultValue: string;
  readonly value: string;
  readonly isDynamicConfig: boolean;
  readonly isReadOnly: boolean;
}

/*
 * Facts from a recorded list of all parameters of a server: Azure/azure-cli, src/azure-cli/azure/cli/command_modules/
 * postgresql/tests/latest/recordings/test_postgres_flexible_server_parameter_mgmt.yaml, at
 * 71f1cae9a3dc7ff81d000328d2b10dc8cb0d4f46, traffic of January 2026 with api-version 2025-08-01.
 *
 * A line has `type|unit|flags|allowed values|` and the parameters with these, as `name=default`, `name=default>value` if
 * the value is another one, and for numbers `name=default>value:range`. Flags: `r` is read-only, `s` needs a restart.
 * `MAX` is 2147483647. Parameters are separated by spaces; `~` stands for a space.
 */
const LINES = String.raw`
Boolean|||on,off|array_nulls=on auto_explain.log_analyze=off auto_explain.log_buffers=off auto_explain.log_nested_statements=off auto_explain.log_settings=off auto_explain.log_timing=on auto_explain.log_triggers=off auto_explain.log_verbose=off auto_explain.log_wal=off autovacuum=on azure.enable_temp_tablespaces_on_local_ssd=on azure.fabric_mirror_enabled=off azure_storage.allow_network_access=on azure_storage.public_account_access=on check_function_bodies=on connection_throttle.enable=off credcheck.encrypted_password_allowed=off credcheck.no_password_logging=on credcheck.password_contain_username=on credcheck.password_ignore_case=off credcheck.username_contain_password=on credcheck.username_ignore_case=off debug_pretty_print=on debug_print_parse=off debug_print_plan=off debug_print_rewritten=off default_transaction_deferrable=off default_transaction_read_only=off
Boolean|||on,off|enable_bitmapscan=on enable_gathermerge=on enable_group_by_reordering=on enable_hashagg=on enable_hashjoin=on enable_incremental_sort=on enable_indexonlyscan=on enable_indexscan=on enable_material=on enable_mergejoin=on enable_nestloop=on enable_parallel_append=on enable_partitionwise_aggregate=off enable_partitionwise_join=off enable_presorted_aggregate=on enable_seqscan=on enable_sort=on enable_tidscan=on escape_string_warning=on event_triggers=on exit_on_error=off geqo=on hot_standby_feedback=off intelligent_tuning=off lo_compat_privileges=off log_checkpoints=on log_connections=on log_disconnections=on log_duration=off log_hostname=off log_lock_waits=off log_recovery_conflict_waits=off log_statement_stats=off logfiles.download_enable=off metrics.autovacuum_diagnostics=off metrics.collector_database_activity=off metrics.pgbouncer_diagnostics=off
Boolean|||on,off|pg_partman_bgw.analyze=off pg_partman_bgw.jobmon=on pg_qs.store_query_plans=off pg_qs.track_utility=on pg_stat_statements.save=on pg_stat_statements.track_planning=off pg_stat_statements.track_utility=on pgaadauth.enable_group_sync=off pgaudit.log_catalog=on pgaudit.log_client=off pgaudit.log_parameter=off pgaudit.log_relation=off pgaudit.log_rows=off pgaudit.log_statement=on pgaudit.log_statement_once=off pglogical.batch_inserts=on pglogical.use_spi=off quote_all_identifiers=off require_secure_transport=on row_security=on standard_conforming_strings=on sync_replication_slots=off synchronize_seqscans=on track_activities=on track_counts=on track_io_timing=off transform_null_equals=off
Boolean||s|on,off|cron.log_run=on cron.log_statement=on track_commit_timestamp=off
Boolean||r|on,off|allow_alter_system=on allow_in_place_tablespaces=off allow_system_table_mods=off anon.privacy_by_default=off anon.restrict_to_trusted_schemas=on anon.strict_mode=on anon.transparent_dynamic_masking=off azure.single_to_flex_migration=off credcheck.reset_superuser=on cron.launch_active_jobs=on data_checksums=off>on db_user_namespace=off debug_assertions=off enable_async_append=on enable_memoize=on enable_parallel_hash=on enable_partition_pruning=on fsync=on full_page_writes=on ignore_checksum_failure=off ignore_system_indexes=off in_hot_standby=off integer_datetimes=on jit_debugging_support=off jit_dump_bitcode=off jit_expressions=on jit_profiling_support=off jit_tuple_deforming=on krb_caseins_users=off log_executor_stats=off log_parser_stats=off log_planner_stats=off log_replication_commands=on log_truncate_on_rotation=off
Boolean||r|on,off|parallel_leader_participation=on pg_hint_plan.debug_print=off pg_hint_plan.enable_hint=on pg_hint_plan.enable_hint_table=off pg_prewarm.autoprewarm=on pg_qs.is_enabled_fs=on pglogical.synchronous_commit=off pgms_stats.is_enabled_fs=on pgms_wait_sampling.is_enabled_fs=on remove_temp_files_after_crash=on restart_after_crash=on send_abort_for_crash=off send_abort_for_kill=off ssl=off>on ssl_passphrase_command_supports_reload=off ssl_prefer_server_ciphers=on summarize_wal=off syslog_sequence_numbers=on syslog_split_messages=on timescaledb.disable_load=off timescaledb_osm.disable_load=off trace_connection_negotiation=off trace_notify=off trace_sort=off track_wal_io_timing=off transaction_deferrable=off transaction_read_only=off update_process_title=on wal_init_zero=on wal_receiver_create_temp_slot=off wal_recycle=on zero_damaged_pages=off
Boolean||rs|on,off|bonjour=off cron.enable_superuser_jobs=off cron.use_background_workers=off data_sync_retry=off gss_accept_delegation=off hot_standby=on ignore_invalid_pages=off logging_collector=off recovery_target_inclusive=on wal_log_hints=off
Boolean|||on, off|azure.migration_copy_with_binary=off azure.migration_skip_analyze=off azure.migration_skip_extensions=off azure.migration_skip_large_objects=off jit=off
Boolean||r|on, off|azure.migration_skip_role_user=on
Boolean|||true, false|pgbouncer.enabled=false
Integer||||autovacuum_analyze_threshold=50:0-MAX autovacuum_vacuum_cost_limit=-1:-1-10000 autovacuum_vacuum_insert_threshold=1000:-1-MAX autovacuum_vacuum_threshold=50:0-MAX azure_cdc.change_batch_buffer_size=16:1-100 azure_cdc.change_batch_export_timeout=30:10-60 azure_cdc.max_snapshot_workers=3:0-100 azure_cdc.snapshot_buffer_size=1000:10-4000 azure_cdc.snapshot_export_timeout=180:0-1440 bgwriter_lru_maxpages=100:0-1073741823 commit_siblings=5:0-1000 connection_throttle.bucket_limit=2000:1-MAX connection_throttle.hash_entries_max=500:1-MAX
Integer||||credcheck.auth_delay_ms=0:0-2147483 credcheck.auth_failure_cache_size=1024:1-2097151 credcheck.history_max_size=65535:1-2097151 credcheck.max_auth_failure=0:0-64 credcheck.password_min_digit=0:0-MAX credcheck.password_min_length=1:1-MAX credcheck.password_min_lower=0:0-MAX credcheck.password_min_repeat=0:0-MAX credcheck.password_min_special=0:0-MAX credcheck.password_min_upper=0:0-MAX credcheck.password_reuse_history=0:0-100 credcheck.password_reuse_interval=0:0-730 credcheck.password_valid_max=0:0-MAX credcheck.password_valid_until=0:0-MAX credcheck.username_min_digit=0:0-MAX credcheck.username_min_length=1:1-MAX credcheck.username_min_lower=0:0-MAX credcheck.username_min_repeat=0:0-MAX credcheck.username_min_special=0:0-MAX credcheck.username_min_upper=0:0-MAX
Integer||||default_statistics_target=100:1-10000 effective_io_concurrency=1:0-1000 extra_float_digits=1:-15-3 from_collapse_limit=8:1-MAX geqo_effort=5:1-10 geqo_generations=0:0-MAX geqo_pool_size=0:0-MAX geqo_threshold=12:2-MAX gin_fuzzy_search_limit=0:0-MAX jit_above_cost=100000:-1-MAX jit_inline_above_cost=500000:-1-MAX jit_optimize_above_cost=500000:-1-MAX join_collapse_limit=8:1-MAX logfiles.retention_days=3:1-7 max_parallel_apply_workers_per_subscription=2:0-1024 max_parallel_maintenance_workers=2:0-64 max_parallel_workers=8:0-1024 max_parallel_workers_per_gather=2:0-1024 max_pred_locks_per_page=2:0-MAX max_pred_locks_per_relation=-2:-2147483648-MAX max_sync_workers_per_subscription=2:0-262143
Integer||||pg_qs.max_captured_queries=500:100-500 pg_qs.retention_period_in_days=7:1-30 pgaudit.log_parameter_max_size=0:0-1073741823 tcp_keepalives_count=9:0-MAX vacuum_cost_limit=200:1-10000 vacuum_cost_page_dirty=20:0-10000 vacuum_cost_page_hit=1:0-10000 vacuum_cost_page_miss=10:0-10000 vacuum_failsafe_age=1600000000:0-2100000000 vacuum_freeze_min_age=50000000:0-1000000000 vacuum_freeze_table_age=150000000:0-2000000000 vacuum_multixact_failsafe_age=1600000000:0-2100000000 vacuum_multixact_freeze_min_age=5000000:0-1000000000 vacuum_multixact_freeze_table_age=150000000:0-2000000000
Integer||s||autovacuum_freeze_max_age=200000000:100000-2000000000 autovacuum_max_workers=3:1-262143 autovacuum_multixact_freeze_max_age=400000000:10000-2000000000 azure_cdc.max_fabric_mirrors=3:1-6 cron.max_running_jobs=32:0-5000 duckdb.max_workers_per_postgres_scan=2:0-1024 duckdb.threads=-1:-1-96 duckdb.worker_threads=-1:-1-96 max_connections=859:25-5000 max_locks_per_transaction=64:10-8388608 max_logical_replication_workers=4:0-262143 max_prepared_transactions=0:0-262143 max_replication_slots=10:2-262143 max_wal_senders=10:5-100 max_worker_processes=8:0-262143 pg_stat_statements.max=5000:100-MAX
Integer||r||block_size=8192:8192-8192 data_directory_mode=448>0700:0-511 debug_discard_caches=0:0-0 log_file_mode=384>0600:0-511 maintenance_io_concurrency=10:0-1000 max_function_args=100:100-100 max_identifier_length=63:63-63 max_index_keys=32:32-32 pg_prewarm.autoprewarm_interval=300:0-2147483 scram_iterations=4096:1-MAX server_version_num=170000>170007:170000-170000 shared_memory_size_in_huge_pages=-1>1103:-1-MAX squeeze.max_xlock_time=0:0-MAX squeeze.workers_per_database=1:1-8 wal_block_size=8192:8192-8192
Integer||rs||max_files_per_process=1000:64-MAX max_notify_queue_pages=1048576:64-MAX max_pred_locks_per_transaction=64:10-MAX port=5432:1-65535 reserved_connections=5:0-262143 superuser_reserved_connections=10:0-262143 unix_socket_permissions=511>0777:0-511
Integer|B|||auto_explain.log_parameter_max_length=-1:-1-MAX log_parameter_max_length=-1:-1-1073741823 log_parameter_max_length_on_error=0:-1-1073741823
Integer|B|s||track_activity_query_size=1024:100-102400
Integer|B|rs||wal_decode_buffer_size=524288:65536-1073741823
Integer|bytes|||pg_qs.max_plan_size=7500:100-10000 pg_qs.max_query_text_length=6000:100-10000
Integer|bytes|r||wal_segment_size=16777216:1048576-1073741824
Integer|kB|||log_temp_files=-1:-1-MAX logical_decoding_work_mem=65536:64-MAX maintenance_work_mem=216064:1024-2097151 temp_file_limit=-1:-1-MAX work_mem=4096:4096-2097151
Integer|KB|||autovacuum_work_mem=-1:-1-2097151 gin_pending_list_limit=4096:64-2097151 vacuum_buffer_usage_limit=2048:0-16777216
Integer|KB|r||log_rotation_size=10240>102400:0-2097151 max_stack_depth=100>2048:100-MAX wal_skip_threshold=2048:0-MAX
Integer|KB|rs||huge_page_size=0:0-MAX
Integer|MB|||azure.migration_table_split_size=20480:1-204800 max_wal_size=12288:32-65536
Integer|MB|r||max_slot_wal_keep_size=-1:-1-MAX
Integer|megabytes|||azure_cdc.onelake_buffer_size=100:1-1024 min_wal_size=80:32-2097151
Integer|megabytes|r||azure_storage.blob_block_size_mb=256:1-4000 shared_memory_size=0>2206:0-MAX wal_keep_size=0>400:0-MAX
Integer|megabytes|rs||duckdb.max_memory=1024:1024-688128 duckdb.memory_limit=1024:1024-688128 min_dynamic_shared_memory=0:0-MAX
Integer|8kB|||bgwriter_flush_after=64:0-256 effective_cache_size=786432:1-MAX min_parallel_index_scan_size=64:0-715827882 min_parallel_table_scan_size=1024:0-715827882 temp_buffers=1024:100-1073741823
Integer|8kB|s||commit_timestamp_buffers=0>512:0-131072 multixact_member_buffers=32:16-131072 multixact_offset_buffers=16:16-131072 notify_buffers=16:16-131072 serializable_buffers=32:16-131072 shared_buffers=262144:16-1073741823 subtransaction_buffers=0>512:0-131072 transaction_buffers=0>512:0-131072 wal_buffers=2048:-1-262143
Integer|8kB|r||io_combine_limit=16:1-32
Integer|8KB|||backend_flush_after=256:0-256 wal_writer_flush_after=128:0-MAX
Integer|8KB|r||checkpoint_flush_after=32:0-256 segment_size=131072:131072-131072
Integer|microseconds|||commit_delay=0:0-100000
Integer|ms|||autovacuum_vacuum_cost_delay=2:-1-100 bgwriter_delay=20:10-10000 deadlock_timeout=1000:1-MAX idle_in_transaction_session_timeout=0:0-MAX idle_session_timeout=0:0-MAX lock_timeout=0:0-MAX log_autovacuum_min_duration=-1:-1-MAX log_min_duration_sample=-1:-1-MAX log_min_duration_statement=-1:-1-MAX max_standby_archive_delay=30000:-1-MAX max_standby_streaming_delay=30000:-1-MAX statement_timeout=0:0-MAX tcp_user_timeout=0:0-MAX transaction_timeout=0:0-MAX vacuum_cost_delay=0:0-100 wal_writer_delay=200:1-10000
Integer|ms|r||log_startup_progress_interval=10000:0-MAX timescaledb.bgw_launcher_poll_time=60000:10-MAX timescaledb.max_background_workers=16:0-1000
Integer|milliseconds|||auto_explain.log_min_duration=-1:-1-MAX pgms_wait_sampling.history_period=100:1-600000 wal_receiver_timeout=60000:0-MAX wal_sender_timeout=60000:0-MAX
Integer|milliseconds|r||client_connection_check_interval=0:0-MAX recovery_min_apply_delay=0:0-MAX wal_retrieve_retry_interval=5000:1-MAX
Integer|s|||autovacuum_naptime=60:1-2147483 checkpoint_timeout=600:30-86400 checkpoint_warning=30:0-MAX pg_partman_bgw.interval=3600:1-315360000 tcp_keepalives_idle=120:0-MAX tcp_keepalives_interval=30:0-MAX wal_receiver_status_interval=10:0-2147483
Integer|s|r||archive_timeout=300:0-1073741823 pg_partman_bgw.maintenance_wait=0:0-MAX post_auth_delay=0:0-2147 pre_auth_delay=0:0-60
Integer|seconds|||connection_throttle.reset_time=120:1-MAX connection_throttle.update_time=20:1-MAX
Integer|seconds|r||authentication_timeout=60>30:1-600
Integer|min|||pg_qs.interval_length_minutes=15:1-30
Integer|min|r||wal_summary_keep_time=14400:0-35791394
Integer|minutes|r||log_rotation_age=1440>60:0-35791394
Numeric||||auto_explain.sample_rate=1.0:0.0-1.0 autovacuum_analyze_scale_factor=0.1:0-100 autovacuum_vacuum_insert_scale_factor=0.2:0-100 autovacuum_vacuum_scale_factor=0.2:0-100 bgwriter_lru_multiplier=2:0-10 checkpoint_completion_target=0.9:0-1 connection_throttle.factor_bias=0.8:0.0-0.9 connection_throttle.restore_factor=2:1.0-100.0 cpu_index_tuple_cost=0.005:0-1.79769e+308 cpu_operator_cost=0.0025:0-1.79769e+308 cpu_tuple_cost=0.01:0-1.79769e+308 cursor_tuple_fraction=0.1:0-1 geqo_seed=0:0-1 geqo_selection_bias=2:1.5-2 hash_mem_multiplier=2:1-1000 log_statement_sample_rate=1:0-1 parallel_setup_cost=1000:0-1.79769e+308 parallel_tuple_cost=0.1:0-1.79769e+308 random_page_cost=2:0-1.79769e+308 seq_page_cost=1:0-1.79769e+308
Numeric||r||log_transaction_sample_rate=0:0-1 recursive_worktable_factor=10:0.001-1e+06
Enumeration|||text,xml,json,yaml|auto_explain.log_format=text
Enumeration|||debug5,debug4,debug3,debug2,debug1,debug,info,notice,warning,log|auto_explain.log_level=log
Enumeration|||uncompressed,snappy,gzip,zstd|azure_cdc.parquet_compression=zstd
Enumeration|||debug5,debug4,debug3,debug2,debug1,debug,log,info,notice,warning,error|azure_storage.log_level=log
Enumeration||r|debug5,debug4,debug3,debug2,debug1,debug,log,info,notice,warning,error|pg_hint_plan.message_level=log pg_hint_plan.parse_messages=info
Enumeration|||safe_encoding,on,off|backslash_quote=safe_encoding
Enumeration|||escape,hex|bytea_output=hex
Enumeration|||BIG5,EUC_CN,EUC_JP,EUC_JIS_2004,EUC_KR,EUC_TW,GB18030,GBK,ISO_8859_5,ISO_8859_6,ISO_8859_7,ISO_8859_8,JOHAB,KOI8R,KOI8U,LATIN1,LATIN2,LATIN3,LATIN4,LATIN5,LATIN6,LATIN7,LATIN8,LATIN9,LATIN10,MULE_INTERNAL,SJIS,SHIFT_JIS_2004,SQL_ASCII,UHC,UTF8,WIN866,WIN874,WIN1250,WIN1251,WIN1252,WIN1253,WIN1254,WIN1255,WIN1256,WIN1257,WIN1258|client_encoding=UTF8
Enumeration|||debug5,debug4,debug3,debug2,debug1,log,notice,warning,error|client_min_messages=notice
Enumeration|||partition,on,off|constraint_exclusion=partition
Enumeration|||off,on,regress|debug_parallel_query=off
Enumeration|||serializable,repeatable read,read committed,read uncommitted|default_transaction_isolation=read~committed
Enumeration||r|serializable,repeatable read,read committed,read uncommitted|transaction_isolation=read~committed
Enumeration|||postgres,postgres_verbose,sql_standard,iso_8601|IntervalStyle=postgres
Enumeration|||stderr,csvlog|log_destination=stderr
Enumeration|||terse,default,verbose|log_error_verbosity=default
Enumeration|||debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal,panic|log_min_error_statement=error log_min_messages=warning pglogical.conflict_log_level=log
Enumeration|||none,ddl,mod,all|log_statement=none
Enumeration|||md5,scram-sha-256|password_encryption=scram-sha-256
Enumeration|||capture_parameterless_only,capture_first_sample|pg_qs.parameters_capture_mode=capture_parameterless_only
Enumeration|||top,all,none|pg_qs.query_capture_mode=none pg_stat_statements.track=none
Enumeration|||,debug5,debug4,debug3,debug2,debug1,info,notice,warning,log|pgaudit.log_level=log
Enumeration|||error,apply_remote,keep_local,last_update_wins,first_update_wins|pglogical.conflict_resolution=apply_remote
Enumeration|||all,none|pgms_wait_sampling.query_capture_mode=none
Enumeration|||auto,force_generic_plan,force_custom_plan|plan_cache_mode=auto
Enumeration|||DISABLE_ALL,ENABLE_ALL|postgis.gdal_enabled_drivers=DISABLE_ALL
Enumeration|||origin,replica,local|session_replication_role=origin
Enumeration|||,TLSv1.2,TLSv1.3|ssl_max_protocol_version=
Enumeration|||TLSv1.2,TLSv1.3|ssl_min_protocol_version=TLSv1.2
Enumeration|||none,pl,all|track_functions=none
Enumeration|||pglz,lz4,on,off|wal_compression=on
Enumeration|||base64,hex|xmlbinary=base64
Enumeration|||content,document|xmloption=content
Enumeration||s|on,off,try|huge_pages=try
Enumeration||s|replica,logical|wal_level=replica
Enumeration||r|auto,regress,on,off|compute_query_id=auto
Enumeration||r|buffered,immediate|debug_logical_replication_streaming=buffered
Enumeration||r|lz4,pglz|default_toast_compression=pglz>lz4
Enumeration||r|on,off,unknown|huge_pages_status=unknown>off
Enumeration||r|disabled,debug5,debug4,debug3,debug2,debug1,debug,log,info,notice,warning,error|icu_validation_level=warning
Enumeration||r|fsync,syncfs|recovery_init_sync_method=fsync
Enumeration||r|off,on,try|recovery_prefetch=try
Enumeration||r|none,cache,snapshot|stats_fetch_consistency=cache
Enumeration||r|local,remote_write,on,off|synchronous_commit=on
Enumeration||r|local0,local1,local2,local3,local4,local5,local6,local7|syslog_facility=local0
Enumeration||r|fsync,fdatasync,open_sync,open_datasync|wal_sync_method=fdatasync
Enumeration||rs|always,on,off|archive_mode=off>always
Enumeration||rs|debug5,debug4,debug3,debug2,debug1,debug,info,notice,warning,error,log,fatal,panic|cron.log_min_messages=error>warning
Enumeration||rs|GMT|cron.timezone=GMT
Enumeration||rs|posix,sysv,mmap|dynamic_shared_memory_type=posix
Enumeration||rs|pause,promote,shutdown|recovery_target_action=pause
Enumeration||rs|sysv,mmap|shared_memory_type=mmap
Set|||md5,scram-sha-256|azure.accepted_password_auth_method=md5,scram-sha-256
Set|||,address_standardizer,address_standardizer_data_us,amcheck,anon,azure_ai,azure_storage,bloom,btree_gin,btree_gist,citext,credcheck,cube,dblink,dict_int,dict_xsyn,earthdistance,fuzzystrmatch,hll,hstore,hypopg,intagg,intarray,ip4r,isn,lo,login_hook,ltree,oracle_fdw,orafce,pageinspect,pg_buffercache,pg_cron,pg_diskann,pg_duckdb,pg_freespacemap,pg_hint_plan,pg_partman,pg_prewarm,pg_repack,pg_squeeze,pg_stat_statements,pg_trgm,pg_visibility,pgaudit,pgcrypto,pglogical,pgrouting,pgrowlocks,pgstattuple,plpgsql,plv8,postgis,postgis_raster,postgis_sfcgal,postgis_tiger_geocoder,postgis_topology,postgres_fdw,postgres_protobuf,semver,session_variable,sslinfo,tablefunc,tdigest,tds_fdw,timescaledb,topn,tsm_system_rows,tsm_system_time,unaccent,uuid-ossp,vector|azure.extensions=
Set|||none,Storage-checkpoint_completion_target,Storage-min_wal_size,Storage-max_wal_size,Storage-bgwriter_delay,tuning-autovacuum,all|intelligent_tuning.metric_targets=none
Set|||none,read,write,function,role,ddl,misc,all|pgaudit.log=none
Set|||,login_hook|session_preload_libraries=
Set||s|,anon,auto_explain,azure_storage,credcheck,pg_cron,pg_duckdb,pg_hint_plan,pg_partman_bgw,pg_prewarm,pg_squeeze,pg_stat_statements,pgaudit,pglogical,timescaledb,wal2json|shared_preload_libraries=pg_stat_statements>pg_cron,pg_stat_statements
String|||[A-Za-z0-9._-]*|application_name=
String|||.*|credcheck.password_contain= credcheck.password_not_contain= credcheck.username_contain= credcheck.username_not_contain= credcheck.whitelist= credcheck.whitelist_auth_failure= pg_partman_bgw.dbname= pg_partman_bgw.role=
String||s|[A-Za-z0-9_]+|cron.database_name=postgres
String|||(ISO|POSTGRES|SQL|GERMAN)(, (DMY|MDY|YMD))?|DateStyle=ISO,~MDY
String|||[A-Za-z._]*|default_tablespace= temp_tablespaces=>temptblspace
String|||[A-Za-z._]+|default_text_search_config=pg_catalog.english
String|||[A-Za-z0-9._ -]+|lc_monetary=en_US.utf-8 lc_numeric=en_US.utf-8
String|||[^']*|log_line_prefix=%t-%c-
String|||[A-Za-z\._]*|pgaudit.role=
String|||[A-Za-z0-9."$,_ -]+|search_path="$user",~public
String|||[A-Za-z0-9/+_-]+|TimeZone=UTC
String||r|.*|anon.algorithm=sha256 anon.k_anonymity_provider=k_anonymity anon.masking_policies=anon anon.maskschema=mask anon.salt= anon.sourceschema=public archive_cleanup_command= archive_command=>BlobLogUpload.sh~%f~%p archive_library= backtrace_functions= createrole_self_grant= default_table_access_method=heap dynamic_library_path=$libdir krb_server_keyfile= lc_messages=>en_US.utf8 lc_time=C>en_US.utf8 local_preload_libraries= log_directory=log log_filename=postgresql-%Y-%m-%d_%H%M%S.log log_timezone=GMT>UTC pglogical.extra_connection_options= pglogical.temp_directory= primary_conninfo= primary_slot_name= recovery_end_command= restore_command= server_encoding=SQL_ASCII>UTF8 server_version=17rc1>17.7 squeeze.worker_autostart= squeeze.worker_role= ssl_ca_file=>/datadrive/certs/ca.pem ssl_cert_file=server.crt>/datadrive/certs/cert.pem
String||r|.*|ssl_ciphers=HIGH:MEDIUM:+3DES:!aNULL>ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256 ssl_crl_dir= ssl_crl_file= ssl_dh_params_file= ssl_ecdh_curve=prime256v1 ssl_key_file=server.key>/datadrive/certs/key.pem ssl_library=OpenSSL ssl_passphrase_command= synchronized_standby_slots= synchronous_standby_names= syslog_ident=postgres timezone_abbreviations=>Default wal_consistency_checking=
String||r|^(|data|wal|wal_init)$|debug_io_direct=
String||r|^(|foreign-table|view)$|restrict_nonsystem_relation_kind=
String||rs|.*|azure.service_principal_id= azure.service_principal_tenant_id= bonjour_name= cluster_name= config_file=>/datadrive/pg/data/postgresql.conf cron.host=postgres>/tmp data_directory=>/datadrive/pg/data event_source=PostgreSQL external_pid_file= hba_file=>/datadrive/pg/data/pg_hba.conf ident_file=>/datadrive/pg/data/pg_ident.conf jit_provider=llvmjit listen_addresses=localhost>* recovery_target= recovery_target_lsn= recovery_target_name= recovery_target_time= recovery_target_timeline=latest recovery_target_xid= unix_socket_directories=/tmp>/tmp,/tmp/tuning_sockets unix_socket_group=
`;

/** Allowed values can contain the separator, so the fields are found from both ends. */
function parseLine(line: string): readonly RecordedParameter[] {
  const [dataType = '', unit = '', flags = ''] = line.split('|', 3);
  const rest = line.slice(dataType.length + unit.length + flags.length + 3);
  const end = rest.lastIndexOf('|');
  const isNumber = dataType === 'Integer' || dataType === 'Numeric';
  return rest
    .slice(end + 1)
    .split(' ')
    .map((entry) => {
      const [, name = '', text = ''] = /^([^=]+)=(.*)$/.exec(entry) ?? [];
      const rangeStart = isNumber ? text.lastIndexOf(':') : text.length;
      const values = text.slice(0, rangeStart).replaceAll('~', ' ');
      const [defaultValue = '', value = defaultValue] = values.split('>');
      return {
        name,
        dataType,
        ...(unit === '' ? {} : { unit }),
        allowedValues: isNumber
          ? text.slice(rangeStart + 1).replace('MAX', '2147483647')
          : rest.slice(0, end),
        defaultValue,
        value,
        isDynamicConfig: !flags.includes('s'),
        isReadOnly: flags.includes('r'),
      };
    });
}

/** Every parameter of the recorded list, with the spellings of Azure. */
export const RECORDED_PARAMETERS: readonly RecordedParameter[] = LINES.trim().split('\n').flatMap(parseLine);
