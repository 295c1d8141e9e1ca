/** In a shadow root, as a constructed sheet: the page's styles do not reach it, and no policy against inline style stops it. */
export const STYLE = `
:host { position: fixed; inset: auto 16px 16px auto; z-index: 2147483000; display: flex; flex-direction: column; align-items: flex-end; gap: 8px; font: 400 14px/1.45 system-ui, sans-serif; color: #1b1d21; color-scheme: light; }
.bar { display: flex; gap: 8px; }
button { min-height: 44px; padding: 0 18px; border-radius: 22px; border: 1px solid #8a9099; background: #fff; color: #1b1d21; font: inherit; font-weight: 600; cursor: pointer; }
button.talk { border-color: #1659a5; background: #1659a5; color: #fff; }
button:focus-visible { outline: 2px solid #1659a5; outline-offset: 2px; }
.panel { width: min(320px, calc(100vw - 32px)); padding: 12px; border: 1px solid #e1e4e8; border-radius: 6px; background: #fff; box-shadow: 0 4px 16px rgb(0 0 0 / 14%); }
.status { margin: 0; font-weight: 600; }
.lines { max-height: 240px; overflow-y: auto; }
.lines p { margin: 6px 0 0; overflow-wrap: anywhere; }
.lines .caller { color: #0a6664; }
.lines .agent { color: #5b3cc4; }
[hidden] { display: none !important; }
`;
