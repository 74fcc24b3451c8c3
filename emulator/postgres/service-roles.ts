/** The superuser that Azure keeps for itself (facts.md §5). */
export const superuser = 'azuresu';

/** The role that stands in for the superuser: every administrator is a member (facts.md §5). */
export const administrators = 'azure_pg_admin';
