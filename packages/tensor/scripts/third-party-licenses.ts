/** Someone else's code in what we ship. */
export interface ThirdParty {
  readonly name: string;
  readonly version: string;
  /** The licence with its copyright line. */
  readonly text: string;
  /** The package that contains a copy of it. */
  readonly within?: string;
}

const rule = "-".repeat(80);

/** The licences of `parties`, sorted by name, as one text. */
export function formatLicenses(parties: readonly ThirdParty[]): string {
  const sorted = [...parties].sort((left, right) => (left.name < right.name ? -1 : 1));
  const sections = sorted.map(({ name, version, text, within }) => {
    const origin = within === undefined ? "" : ` (copied into ${within})`;
    return `${rule}\n${name} ${version}${origin}\n${rule}\n\n${text.trim()}\n`;
  });
  const head = "This package contains the following software, under the licences below.\n";
  return [head, ...sections].join("\n");
}
