import { PROTOCOL_VERSION } from '../bindings/protocol';
import type { App } from './app.svelte';
import { redact } from './redact';

/** Settings that say where somebody is and with whom, rather than how the app is set up. */
const PRIVATE_SETTINGS: readonly string[] = ['place', 'servers', 'volumes'];

/**
 * A report on this app for whoever helps: versions, devices, settings, the state of things, and
 * the last lines of the log. It holds no name of a person or guild, no address and no secret.
 */
export async function diagnosticsOf(app: App): Promise<string> {
  const { platform, voice } = app;
  const surroundings = await platform.diagnostics();
  const versions = await Promise.all(app.servers.map(versionOf));
  const sections: [string, readonly string[]][] = [
    [
      'Voicehall',
      [
        `version: ${surroundings.version ?? '-'} (${platform.kind}), protocol ${PROTOCOL_VERSION}`,
        `system: ${surroundings.system}`,
        `webview: ${surroundings.webview ?? '-'}`,
        `languages: ${navigator.languages.join(', ')}`,
        `window: ${innerWidth} x ${innerHeight} at ${devicePixelRatio}`,
      ],
    ],
    [
      'Servers',
      app.servers.map(({ connection, guilds }, index) => {
        return `${index + 1}: ${versions[index]}, ${connection}, guilds: ${guilds.length}`;
      }),
    ],
    [
      'Call',
      [
        `state: ${voice.call.phase}`,
        `problem: ${voice.problem ?? '-'}`,
        `figures: ${JSON.stringify(voice.stats)}`,
      ],
    ],
    [
      'Devices',
      [
        `microphone in use: ${voice.devices.inputInUse ?? '-'}`,
        `speaker in use: ${voice.devices.outputInUse ?? '-'}`,
        ...voice.devices.inputs.map(({ name }) => `microphone: ${name}`),
        ...voice.devices.outputs.map(({ name }) => `speaker: ${name}`),
      ],
    ],
    ['Settings', settingsOf(app)],
    ['Log', surroundings.log],
  ];
  const text = sections.map(([title, lines]) => [`## ${title}`, ...lines].join('\n')).join('\n\n');
  return redact(`${text}\n`);
}

async function versionOf({ rest }: App['servers'][number]): Promise<string> {
  const info = await rest.server().catch(() => null);
  return info ? `version ${info.version}, protocol ${info.protocol}` : 'version unknown';
}

function settingsOf({ settings }: App): string[] {
  const { volumes } = settings.current;
  return [
    ...Object.entries(settings.current)
      .filter(([key]) => !PRIVATE_SETTINGS.includes(key))
      .map(([key, value]) => `${key}: ${JSON.stringify(value)}`),
    `people with a volume of their own: ${Object.keys(volumes).length}`,
  ];
}
