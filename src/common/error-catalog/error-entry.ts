/** The message of an error: what happened, and what to do. */
export interface ErrorText {
  readonly summary: string;
  readonly hint: string;
  readonly url?: string;
}

/** An entry of the catalog. Its parameters are those of `text`. */
export interface ErrorEntry {
  /** What the error means, for docs/troubleshooting.md; in Markdown, as the next two. */
  readonly meaning: string;
  /** Typical causes, a phrase each. */
  readonly causes: readonly string[];
  /** What to do, a sentence each. */
  readonly remedies: readonly string[];
  readonly text: (parameters: never) => ErrorText;
}

export const POSTGRESQL_DOCS_URL = 'https://learn.microsoft.com/azure/postgresql/flexible-server';

/** A statement of a session, and where it was executed. Empty texts if that is not known. */
export interface StatementContext {
  /** Its keywords, without any value: `COMMENT ON DATABASE`. */
  readonly statement: string;
  readonly database: string;
  readonly user: string;
}

export const describeStatement = (p: StatementContext): string =>
  `${p.statement || 'a statement'}${p.database === '' ? '' : ` (in database '${p.database}', as '${p.user}')`}`;
