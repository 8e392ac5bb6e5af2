// Exit 2 with a message when the quickstart's arguments are wrong, else 0.
import { parseArguments, UsageError } from './args.mjs';

try {
  parseArguments(process.argv.slice(2), `build/quickstart/${process.pid}`);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`quickstart: ${error.message}\nTry deploy/quickstart --help\n`);
  process.exit(2);
}
