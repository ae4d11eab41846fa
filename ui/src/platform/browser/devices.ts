import type { AudioDevice, EngineEvent } from '../../bindings/protocol';

/** The devices there are, and a mark that changes when the system's default microphone does. */
export interface DeviceList {
  inputs: AudioDevice[];
  outputs: AudioDevice[];
  /** Names of the devices behind the system's default; none where the browser hides them. */
  defaultInput: string | null;
  defaultOutput: string | null;
}

const EMPTY: DeviceList = { inputs: [], outputs: [], defaultInput: null, defaultOutput: null };

export async function listDevices(): Promise<DeviceList> {
  // Absent in pages without TLS, whatever the type says.
  const mediaDevices = navigator.mediaDevices as MediaDevices | undefined;
  const all = (await mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  if (all.length === 0) return EMPTY;
  return {
    inputs: named(all, 'audioinput'),
    outputs: named(all, 'audiooutput'),
    defaultInput: defaultOf(all, 'audioinput'),
    defaultOutput: defaultOf(all, 'audiooutput'),
  };
}

/** Chromium lists the defaults as devices of their own, with these ids. */
const ALIASES = ['', 'default', 'communications'];

/** Before the microphone is permitted, browsers hide ids and names: such are left out. */
function named(all: readonly MediaDeviceInfo[], kind: MediaDeviceKind): AudioDevice[] {
  return all
    .filter((device) => device.kind === kind && !ALIASES.includes(device.deviceId))
    .map(({ deviceId, label }) => ({ id: deviceId, name: label }))
    .filter(({ name }) => name !== '');
}

function defaultOf(all: readonly MediaDeviceInfo[], kind: MediaDeviceKind): string | null {
  const alias = all.find((device) => device.kind === kind && device.deviceId === 'default');
  if (!alias) return null;
  const device = all.find(
    ({ kind: other, groupId, deviceId }) =>
      other === kind && groupId === alias.groupId && deviceId !== 'default',
  );
  return device?.label ?? alias.label;
}

/** The event that tells the interface. */
export function devicesEvent(
  list: DeviceList,
  inputInUse: string | null,
  output: string | null,
): EngineEvent {
  const outputInUse = list.outputs.find(({ id }) => id === output)?.name ?? list.defaultOutput;
  const { inputs, outputs } = list;
  return { type: 'devices', inputs, outputs, inputInUse, outputInUse };
}
