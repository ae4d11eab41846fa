/** The lowest level that is told apart from silence, in dBFS. */
const LEVEL_DBFS_MIN = -96;

/** Root mean square of samples in dBFS, at least -96. */
export function levelDbfs(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const rms = Math.sqrt(sum / samples.length);
  return rms > 0 ? Math.max(LEVEL_DBFS_MIN, 20 * Math.log10(rms)) : LEVEL_DBFS_MIN;
}

/**
 * Guesses from levels alone how probable speech is: by how far the level stands above the noise
 * floor, which falls at once and rises by 3 dB a second.
 */
export class SpeechEstimate {
  #floorDbfs = -60;

  /** One level, each 50 ms. */
  push(dbfs: number): number {
    this.#floorDbfs = Math.min(dbfs, this.#floorDbfs + 0.15);
    this.#floorDbfs = Math.max(this.#floorDbfs, -75);
    const aboveFloor = dbfs - this.#floorDbfs;
    return Math.min(1, Math.max(0, (aboveFloor - 6) / 14));
  }
}
