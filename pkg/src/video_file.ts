/** A video file through mediabunny (containers) and WebCodecs (codecs). Loaded only when a file is opened. */

import { ALL_FORMATS, BlobSource, EncodedPacketSink, Input, type InputVideoTrack, UrlSource, VideoSampleSink } from "mediabunny";
import { DecodeError, FetchError, NoFramesError, SgcrError, UnsupportedVideoError, checkSignal, isAbort } from "./errors.js";
import { type Pixels, framePixels, rotated } from "./pixels.js";
import type { FrameReader } from "./video.js";

/** A frame is the wanted one if it is shown within this of the wanted time (WebCodecs counts microseconds). */
const SAME_TIME = 1e-3;

const CONVERT = "convert it (ffmpeg -i clip -c:v libvpx-vp9 clip.webm) or use another browser";

function nameOf(input: Blob | URL | string): string {
  return input instanceof File ? input.name : input instanceof Blob ? "the clip" : String(input);
}

/** Fetches pieces of the address; remembers its own errors, which mediabunny would retry and reword. */
function urlSource(url: string, signal: AbortSignal | undefined, failed: (error: SgcrError) => void): UrlSource {
  const fetchFn: typeof fetch = async (target, init) => {
    const signals = [init?.signal, signal].filter((s): s is AbortSignal => s instanceof AbortSignal);
    let response: Response;
    try {
      response = await fetch(target, { ...init, signal: AbortSignal.any(signals) });
    } catch (cause) {
      if (!isAbort(cause)) {
        const reason = `${(cause as Error).message} (is the server there, and does it allow this page to read it by CORS?)`;
        failed(new FetchError(`cannot fetch ${url}: ${reason}`, { cause }));
      }
      throw cause;
    }
    if (!response.ok) {
      const error = new FetchError(`cannot fetch ${url}: the server answers ${response.status} ${response.statusText}`);
      failed(error);
      throw error;
    }
    return response;
  };
  return new UrlSource(url, { fetchFn, getRetryDelay: () => null });
}

/** Opens a file; finds out when each of its frames is shown. */
export async function openFile(source: Blob | URL | string, signal: AbortSignal | undefined): Promise<FrameReader> {
  if (typeof VideoDecoder === "undefined") {
    throw new UnsupportedVideoError(
      "this browser has no WebCodecs video decoder (or the page is not on https); use a current browser",
    );
  }
  let fetchError: SgcrError | null = null;
  const bytes =
    source instanceof Blob ? new BlobSource(source) : urlSource(String(source), signal, (error) => (fetchError ??= error));
  const input = new Input({ source: bytes, formats: ALL_FORMATS });
  const stop = (): void => input.dispose();
  signal?.addEventListener("abort", stop, { once: true });
  const close = (): void => {
    signal?.removeEventListener("abort", stop);
    input.dispose();
  };
  const name = nameOf(source);
  const translate = (thrown: unknown): unknown => {
    checkSignal(signal);
    if (fetchError) return fetchError;
    if (thrown instanceof SgcrError || isAbort(thrown)) return thrown;
    return new DecodeError(`cannot decode ${name}: ${(thrown as Error).message}; ${CONVERT}`, { cause: thrown });
  };
  try {
    return await openTrack(input, name, signal, translate, close);
  } catch (thrown) {
    close();
    throw translate(thrown);
  }
}

/** What files mean that do not name their colours: BT.601, as the native decoder has it (browsers would take BT.709). */
const UNTOLD_COLORS: VideoColorSpaceInit = { matrix: "smpte170m", primaries: "smpte170m", transfer: "smpte170m", fullRange: false };

/** The decoder is told the colours that neither container nor bitstream name. */
async function nameColors(track: InputVideoTrack): Promise<void> {
  const config = await track.getDecoderConfig();
  if (!config || config.colorSpace?.matrix) return;
  const colorSpace = { ...UNTOLD_COLORS, fullRange: config.colorSpace?.fullRange ?? false };
  track.getDecoderConfig = () => Promise.resolve({ ...config, colorSpace });
}

async function openTrack(
  input: Input,
  name: string,
  signal: AbortSignal | undefined,
  translate: (thrown: unknown) => unknown,
  close: () => void,
): Promise<FrameReader> {
  if (!(await input.canRead())) {
    throw new UnsupportedVideoError(`${name} is no video that browsers read (MP4, MOV, WebM, Matroska, …); ${CONVERT}`);
  }
  const track = await input.getPrimaryVideoTrack();
  if (!track) throw new NoFramesError(`${name} has no frames: there is only sound in it`);
  const codec = await track.getCodecParameterString();
  if (!(await track.canDecode())) {
    throw new UnsupportedVideoError(`this browser cannot decode the codec of ${name} (${codec ?? "unknown"}); ${CONVERT}`);
  }
  await nameColors(track);
  const times = await shownTimes(track, signal);
  const first = times[0];
  const last = times.at(-1);
  if (first === undefined || last === undefined) throw new NoFramesError(`${name} has no frames: its video track is empty`);
  const rotation = await track.getRotation();
  const sideways = rotation % 180 !== 0;
  const [width, height] = [await track.getCodedWidth(), await track.getCodedHeight()];
  return {
    frameCount: times.length,
    fps: last > first ? (times.length - 1) / (last - first) : Number.NaN,
    width: sideways ? height : width,
    height: sideways ? width : height,
    time: (index) => times[index],
    frames: (indices) => decode(track, times, indices, { name, signal, rotation, translate }),
    close,
  };
}

/** When each frame is shown, ascending; packets come in the order of decoding. */
async function shownTimes(track: InputVideoTrack, signal: AbortSignal | undefined): Promise<number[]> {
  // VP8 has packets that are decoded but never shown; a bit of their first byte tells.
  const isVp8 = (await track.getCodec()) === "vp8";
  const times: number[] = [];
  const packets = new EncodedPacketSink(track).packets(undefined, undefined, { metadataOnly: !isVp8 });
  for await (const packet of packets) {
    checkSignal(signal);
    const hidden = isVp8 && ((packet.data[0] ?? 0) & 0x10) === 0;
    // Before the start of an edit list: decoded for others' sake, not shown.
    if (!hidden && packet.timestamp > -SAME_TIME) times.push(packet.timestamp);
  }
  return times.sort((a, b) => a - b);
}

interface DecodeContext {
  name: string;
  signal: AbortSignal | undefined;
  rotation: number;
  translate(thrown: unknown): unknown;
}

async function* decode(
  track: InputVideoTrack,
  times: readonly number[],
  indices: readonly number[],
  context: DecodeContext,
): AsyncGenerator<Pixels, void, undefined> {
  const { name, signal, rotation, translate } = context;
  const wanted = indices.map((index) => times[index] ?? Number.NaN);
  const samples = new VideoSampleSink(track).samplesAtTimestamps(wanted);
  let at = 0;
  try {
    for await (const sample of samples) {
      try {
        checkSignal(signal);
        const time = wanted[at] ?? Number.NaN;
        if (!sample || Math.abs(sample.timestamp - time) > SAME_TIME) {
          throw new DecodeError(`cannot decode ${name}: frame ${indices[at]} (at ${time.toFixed(3)} s) is missing; the file is damaged`);
        }
        const frame = sample.toVideoFrame();
        try {
          yield rotated(await framePixels(frame), rotation);
        } finally {
          frame.close();
        }
        at++;
      } finally {
        sample?.close();
      }
    }
  } catch (thrown) {
    throw translate(thrown);
  }
}
