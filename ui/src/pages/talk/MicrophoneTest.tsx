import { Button } from "@mantine/core";
import { openMicrophone } from "@switchboard/client";
import { useEffect, useRef, useState } from "react";
import { failureWords } from "../../words/failures";
import { Meter, levelWords } from "../../parts/Meter";

/** Hears the microphone before the talk, and plays a tone. */
export function MicrophoneTest({ microphoneId }: { microphoneId: string }) {
  const [stream, setStream] = useState<MediaStream | null>(null);
  const [failure, setFailure] = useState<Error | null>(null);
  const levels = useRef({ caller: 0, agent: 0 });
  useEffect(() => {
    if (stream === null) {
      return;
    }
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    context.createMediaStreamSource(stream).connect(analyser);
    tone(context);
    const samples = new Float32Array(analyser.fftSize);
    const timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      levels.current.caller = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
    }, 80);
    return () => {
      clearInterval(timer);
      void context.close();
      for (const track of stream.getTracks()) {
        track.stop();
      }
    };
  }, [stream]);
  const test = async () => {
    setFailure(null);
    try {
      setStream(await openMicrophone(microphoneId ? { deviceId: microphoneId } : {}));
    } catch (error) {
      setFailure(error as Error);
    }
  };
  return (
    <>
      <Button variant="default" size="md" onClick={() => void (stream ? setStream(null) : test())}>
        {stream ? "Stop the test" : "Test microphone and speaker"}
      </Button>
      {stream ? <Meter levels={levels.current} side="caller" words={levelWords} /> : null}
      {failure ? (
        <p role="alert" className="tone-bad">
          ✕ {failureWords(failure).title}. {failureWords(failure).help}
        </p>
      ) : null}
    </>
  );
}

/** Half a second, quiet: enough to know that the speaker works. */
function tone(context: AudioContext) {
  const oscillator = context.createOscillator();
  const gain = context.createGain();
  gain.gain.value = 0.08;
  oscillator.frequency.value = 440;
  oscillator.connect(gain).connect(context.destination);
  oscillator.start();
  oscillator.stop(context.currentTime + 0.5);
}
