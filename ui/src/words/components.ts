/** What a line of the ledger was paid for, as people say it. */
const WORDS: Record<string, string> = {
  text_in: "Text in",
  text_cached: "Text in, cached",
  text_out: "Text out",
  audio_in: "Audio in",
  audio_cached: "Audio in, cached",
  audio_out: "Audio out",
  image_in: "Images in",
  image_cached: "Images in, cached",
  audio_time: "Audio by time",
  transcription: "Transcription",
  speech: "Speech",
  carrier: "Carrier minutes",
  model: "Model",
};

export function componentWords(component: string): string {
  return WORDS[component] ?? component;
}
