/** Numbers for people. */

/** A share in whole percent. */
export const wholePercent = (share: number): string => `${Math.round(share * 100)} %`;

/** A share in percent, finer at both ends, where a tenth of a percent tells something. */
export const percent = (share: number): string => `${(share * 100).toFixed(share > 0.1 && share < 0.9 ? 0 : 1)} %`;

/** A cosine, or the difference of two. */
export const cosine = (value: number): string => `${value < 0 ? "−" : ""}${Math.abs(value).toFixed(3)}`;

/** A difference of cosines, with its sign. */
export const signed = (value: number): string => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;
