import { fingerprintFromSdp, fingerprintOf } from './sdp';

/** A peer connection that nobody uses yet, and the fingerprint under which it will appear. */
export interface Peer {
  connection: RTCPeerConnection;
  /** As the protocol spells it. */
  fingerprint: string;
}

/**
 * Makes a connection with a fresh certificate. Done ahead of a call: making the first one takes a
 * browser tens of milliseconds, and the fingerprint must go out with the ticket.
 */
export async function preparePeer(): Promise<Peer> {
  const certificate = await RTCPeerConnection.generateCertificate({
    name: 'ECDSA',
    namedCurve: 'P-256',
  } as AlgorithmIdentifier);
  const connection = new RTCPeerConnection({
    certificates: [certificate],
    bundlePolicy: 'max-bundle',
    iceServers: [],
  });
  const fingerprint = declaredFingerprint(certificate) ?? (await offeredFingerprint(certificate));
  return { connection, fingerprint: fingerprintFromSdp(fingerprint) };
}

function declaredFingerprint(certificate: RTCCertificate): string | null {
  // Firefox has no such method.
  const getFingerprints = (certificate as Partial<RTCCertificate>).getFingerprints;
  const fingerprints = getFingerprints?.call(certificate) ?? [];
  return fingerprints.find(({ algorithm }) => algorithm === 'sha-256')?.value ?? null;
}

/** Reads the fingerprint off an offer that goes nowhere. */
async function offeredFingerprint(certificate: RTCCertificate): Promise<string> {
  const scratch = new RTCPeerConnection({ certificates: [certificate] });
  try {
    scratch.createDataChannel('');
    const { sdp } = await scratch.createOffer();
    const fingerprint = fingerprintOf(sdp ?? '');
    if (fingerprint === null) throw new Error('the browser offers no SHA-256 fingerprint');
    return fingerprint;
  } finally {
    scratch.close();
  }
}
