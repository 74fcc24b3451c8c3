/** The URL of GitHub's REST API for this run. */
export const apiUrl = (): string => process.env['GITHUB_API_URL'] || 'https://api.github.com';
