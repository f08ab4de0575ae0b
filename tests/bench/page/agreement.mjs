// A ratio of different computations is worth nothing: all contestants must give the same embeddings.
import { cosine } from "../../e2e/harness.mjs";

/** Least cosine between contestants; f32 sums in another order stay far above. */
const SAME = 0.999;
/** Most cosine between two different clips: above it, the check above could not see a fault. */
const DIFFERENT = 0.99;

/**
 * Cosines of every contestant's embeddings with the last one's, the worse of the two clips.
 *
 * @throws where contestants differ, or clips do not
 */
export function checkAgreement(results) {
  const reference = results.at(-1);
  const { warmUp, measured } = reference.embeddings;
  const apart = cosine(warmUp, measured);
  if (!(apart < DIFFERENT)) throw new Error(`the embeddings of two different clips have cosine ${apart}: nothing is compared`);
  return results.slice(0, -1).map(({ library, device, embeddings }) => {
    const name = `${library} on ${device}`;
    const worst = Math.min(...Object.keys(embeddings).map((clip) => cosine(embeddings[clip], reference.embeddings[clip])));
    // NaN is no agreement either.
    if (!(worst > SAME)) throw new Error(`${name} computes something else: cosine ${worst} with ${reference.library}, at least ${SAME} wanted`);
    return { name, cosine: worst };
  });
}
