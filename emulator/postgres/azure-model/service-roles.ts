/** The superuser that Azure keeps for itself (facts.md §5). */
export const SUPERUSER = 'azuresu';

/** The role that stands in for the superuser: every administrator is a member (facts.md §5). */
export const ADMINISTRATOR_ROLE = 'azure_pg_admin';
