import { parseArgs } from 'node:util';

interface Wanted {
  /** Numbers above 0, with what they are unless somebody says otherwise. */
  readonly numbers: Readonly<Record<string, number>>;
  readonly usage: string;
}

/** What the command line says. */
export interface CampaignOptions {
  number(name: string): number;
  readonly keeps: boolean;
}

/** Returns what the command line says; where it asks for help, or is wrong, it is told so and the process ends. */
export function campaignOptions({ numbers, usage }: Wanted): CampaignOptions {
  const options: Record<string, { type: 'string' | 'boolean' }> = {
    keep: { type: 'boolean' },
    help: { type: 'boolean' },
  };
  for (const name of Object.keys(numbers)) options[name] = { type: 'string' };
  try {
    const { values } = parseArgs({ options });
    if (values['help'] === true) {
      process.stdout.write(usage);
      process.exit(0);
    }
    const given = new Map<string, number>(Object.entries(numbers));
    for (const [name, text] of Object.entries(values))
      if (typeof text === 'string') given.set(name, above0(text, name));
    return { number: (name) => given.get(name) ?? Number.NaN, keeps: values['keep'] === true };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}

function above0(text: string, name: string): number {
  const number = Number(text);
  if (number > 0 && Number.isFinite(number)) return number;
  throw new Error(`--${name}: expected a number above 0, found ${text}`);
}
