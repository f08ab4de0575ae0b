// A ratio of different computations is worth nothing: all contestants must give the same embeddings.
import { cosine } from "../../e2e/harness.mjs";

/** Least cosine between contestants; f32 sums in another order stay far above, QuickGELU with 1.5 for 1.702 below. */
const SAME = 0.9999;
/** Most cosine between two different clips: above it, the check above could not see a fault. */
const DIFFERENT = 0.99;

function worstCosine({ device, embeddings: ours }, { embeddings: theirs }) {
  const apart = cosine(theirs.warmUp, theirs.measured);
  if (!(apart < DIFFERENT)) throw new Error(`on ${device}, two different clips have cosine ${apart}: nothing is compared`);
  const worst = Math.min(...Object.keys(ours).map((clip) => cosine(ours[clip], theirs[clip])));
  // NaN is no agreement either.
  if (!(worst > SAME)) throw new Error(`on ${device}, the contestants compute different things: cosine ${worst}, at least ${SAME} wanted`);
  return { device, cosine: worst, otherClip: apart };
}

/**
 * Cosine of our embedding with the peer's on each device, the worse of the two clips.
 *
 * @throws where contestants differ, or clips do not
 */
export function checkAgreement(results) {
  const devices = [...new Set(results.map(({ device }) => device))];
  return devices.map((device) => {
    const [ours, theirs] = ["sgcr", "onnxruntime-web"].map((name) => results.find((r) => r.library === name && r.device === device));
    return worstCosine(ours, theirs);
  });
}
