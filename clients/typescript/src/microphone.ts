import { microphoneError, VoiceError } from "./errors.js";

export interface MicrophoneOptions {
  deviceId?: string;
}

/** Asks for the microphone. Throws a [`VoiceError`] that names the cause. */
export async function openMicrophone({ deviceId }: MicrophoneOptions = {}): Promise<MediaStream> {
  if (navigator.mediaDevices?.getUserMedia === undefined) {
    throw new VoiceError("insecure_page");
  }
  const audio: MediaTrackConstraints = {
    channelCount: 1,
    // Without it the agent hears itself from the loudspeaker and stops.
    echoCancellation: true,
    noiseSuppression: true,
    autoGainControl: true,
    ...(deviceId ? { deviceId: { exact: deviceId } } : {}),
  };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (cause) {
    throw microphoneError(cause);
  }
}

export interface Devices {
  microphones: MediaDeviceInfo[];
  speakers: MediaDeviceInfo[];
}

/** Names are blank until the microphone was allowed once. */
export async function listDevices(): Promise<Devices> {
  const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  const of = (kind: MediaDeviceKind) => all.filter((device) => device.kind === kind && device.deviceId !== "");
  return { microphones: of("audioinput"), speakers: of("audiooutput") };
}
