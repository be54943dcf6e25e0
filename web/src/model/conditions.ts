// Finnhub's trade-condition codes in words. Source: the code table that Finnhub's documentation
// links to, as transcribed by public code; names only, no rights are derived from them here.

const kNames: Readonly<Record<string, string>> = {
  "1": "regular",
  "2": "acquisition",
  "3": "average price",
  "4": "bunched",
  "5": "cash sale",
  "6": "distribution",
  "7": "automatic execution",
  "8": "intermarket sweep",
  "9": "bunched sold",
  "10": "price variation",
  "11": "cap election",
  "12": "odd lot",
  "13": "rule 127",
  "14": "rule 155",
  "15": "sold last",
  "16": "official close",
  "17": "next day",
  "18": "opening trade",
  "19": "opening print",
  "20": "official open",
  "21": "prior reference",
  "22": "seller",
  "23": "split trade",
  "24": "extended hours",
  "25": "extended hours, out of sequence",
  "26": "contingent",
  "27": "stock option",
  "28": "cross",
  "29": "yellow flag",
  "30": "sold, out of sequence",
  "31": "stopped stock",
  "32": "derivatively priced",
  "33": "re-opening trade",
  "34": "re-opening print",
  "35": "closing trade",
  "36": "closing print",
  "37": "qualified contingent",
  "38": "611 exempt",
  "39": "corrected close",
  "40": "opened",
  "41": "trade-through exempt",
};

/** Unknown codes are shown as they are; "regular" beside others says nothing and is left out. */
export function conditionsInWords(codes: readonly string[]): string {
  const told = codes.length > 1 ? codes.filter((code) => code !== "1") : codes;
  return told.map((code) => kNames[code] ?? code).join(", ");
}
