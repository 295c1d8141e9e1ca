import type { ComponentType } from "react";
import { createBrowserRouter } from "react-router";
import { Frame } from "./frame/Frame";
import { HomeRedirect, SignedIn } from "./frame/SignedIn";
import { NotHere } from "./frame/NotHere";
import { PageFailed } from "./frame/PageFailed";

/** Pages are loaded when somebody goes there. */
const page = (load: () => Promise<{ default: ComponentType }>) => async () => ({ Component: (await load()).default });

const voiceHealth = page(() => import("./pages/voice-health/VoiceHealth"));

export const router = createBrowserRouter([
  {
    ErrorBoundary: PageFailed,
    HydrateFallback: () => null,
    children: [
      { path: "/sign-in", lazy: page(() => import("./pages/sign-in/SignIn")) },
      { path: "/invitation", lazy: page(() => import("./pages/invitation/Invitation")) },
      { path: "/first-run", lazy: page(() => import("./pages/first-run/FirstRun")) },
      {
        Component: SignedIn,
        children: [
          { path: "/", Component: HomeRedirect },
          {
            path: "/t/:tenant",
            Component: Frame,
            ErrorBoundary: PageFailed,
            children: [
              { index: true, lazy: page(() => import("./pages/home/Home")) },
              { path: "talk", lazy: page(() => import("./pages/talk/Talk")) },
              { path: "live", lazy: page(() => import("./pages/live/Live")) },
              { path: "live/:call", lazy: page(() => import("./pages/live/LiveCall")) },
              { path: "calls", lazy: page(() => import("./pages/calls/Calls")) },
              { path: "calls/:call", lazy: page(() => import("./pages/call/Call")) },
              { path: "costs", lazy: page(() => import("./pages/costs/Costs")) },
              { path: "voice-health", lazy: voiceHealth },
              { path: "second-factor", lazy: page(() => import("./pages/second-factor/SecondFactor")) },
              { path: "*", Component: NotHere },
            ],
          },
          { path: "/ops", Component: Frame, children: [{ path: "voice-health", lazy: voiceHealth }] },
        ],
      },
      { path: "*", Component: NotHere },
    ],
  },
]);
