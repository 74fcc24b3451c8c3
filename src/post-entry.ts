/** Entry point of action.yml's `post`: runs the post part of the same bundle. It is copied next to the bundle unchanged. */
process.argv.push('--post');
await import('./index.ts');
