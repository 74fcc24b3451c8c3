import { asString } from '../../core/json.ts';
import { type ArmHandler, parseBody } from './arm-request.ts';
import { INVALID_SERVER_NAME_MESSAGE, providerErrors } from './errors.ts';
import { PROVIDER_HEADERS } from './operations.ts';
import { isValidServerName } from './server-validation.ts';

/** `POST …/checkNameAvailability`, for all of Azure or by way of one location: the answer is the same (facts.md §2). */
export const checkNameAvailability: ArmHandler = (call, { store }) => {
  const body = parseBody(call);
  const name = asString(body['name']);
  if (name === undefined) throw providerErrors.invalidValue('name');
  const type = asString(body['type']) ?? 'Microsoft.DBforPostgreSQL/flexibleServers';
  const availability = (() => {
    if (!isValidServerName(name))
      return { nameAvailable: false, reason: 'Invalid', message: INVALID_SERVER_NAME_MESSAGE };
    if (store.findServerByName(name)) {
      const message = 'Specified server name is already used.';
      return { nameAvailable: false, reason: 'AlreadyExists', message };
    }
    return { nameAvailable: true, message: '' };
  })();
  return { status: 200, headers: PROVIDER_HEADERS, body: { name, type, ...availability } };
};
