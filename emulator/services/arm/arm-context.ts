import type { HostsFile } from '../../core/hosts-file.ts';
import type { HttpResponse } from '../../core/http-types.ts';
import type { Timers } from '../../core/timers.ts';
import type { EmulatorOptions } from '../../options.ts';
import type { PostgresFactory } from '../../postgres/types.ts';
import type { Directory } from '../entra/directory.ts';
import type { AccessControl } from './access-control.ts';
import type { ArmRequest } from './arm-request.ts';
import type { ArmStore } from './arm-store.ts';
import type { Operations } from './operations.ts';

/** What the handlers of the emulated ARM work with. */
export interface ArmContext {
  readonly store: ArmStore;
  readonly accessControl: AccessControl;
  readonly directory: Directory;
  readonly operations: Operations;
  readonly options: EmulatorOptions;
  readonly timers: Timers;
  readonly tenantId: string;
  /** The names of the servers; undefined if their hosts are addresses. */
  readonly hosts: HostsFile | undefined;
  /** Loads the PostgreSQL part of the emulator on the first call. */
  readonly getPostgresFactory: () => Promise<PostgresFactory>;
}

export type ArmHandler = (call: ArmRequest, context: ArmContext) => HttpResponse | Promise<HttpResponse>;
