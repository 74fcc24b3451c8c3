/** The stub behind action.yml's `post`: asks the same bundle for its other half. Copied beside the bundle as it is. */
process.argv.push('--post');
await import('./index.ts');
