// Must be the first import: the libraries of other modules read the environment when they are loaded.
import './common/environment.ts';
import { enableCompileCache } from './compile-cache.ts';

enableCompileCache();
// Loaded after the cache is enabled. Each `import()` becomes a file of its own in the bundle, which is loaded only when it
// is needed.
await import('./run.ts');
