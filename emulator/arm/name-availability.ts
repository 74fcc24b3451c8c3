import { stringOr } from '../json.ts';
import { type ArmHandler, bodyOf } from './call.ts';
import { invalidServerName, providerErrors } from './errors.ts';
import { providerHeaders } from './operations.ts';
import { isServerName } from './server-validation.ts';

/** `POST …/checkNameAvailability`, for all of Azure or by way of one location: the answer is the same (facts.md §2). */
export const checkNameAvailability: ArmHandler = (call, { store }) => {
  const body = bodyOf(call);
  const name = stringOr(body['name']);
  if (name === undefined) throw providerErrors.invalidValue('name');
  const type = stringOr(body['type']) ?? 'Microsoft.DBforPostgreSQL/flexibleServers';
  const answer = (() => {
    if (!isServerName(name)) return { nameAvailable: false, reason: 'Invalid', message: invalidServerName };
    if (store.serverNamed(name)) {
      const message = 'Specified server name is already used.';
      return { nameAvailable: false, reason: 'AlreadyExists', message };
    }
    return { nameAvailable: true, message: '' };
  })();
  return { status: 200, headers: providerHeaders, body: { name, type, ...answer } };
};
