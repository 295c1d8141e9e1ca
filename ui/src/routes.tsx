import type { ComponentType } from "react";
import { createBrowserRouter } from "react-router";
import { Frame } from "./frame/Frame";
import { HomeRedirect, SignedIn } from "./frame/SignedIn";
import { NotHere } from "./frame/NotHere";
import { PageFailed } from "./frame/PageFailed";

/** Pages are loaded when somebody goes there. */
const page = (load: () => Promise<{ default: ComponentType }>) => async () => ({ Component: (await load()).default });


export const router = createBrowserRouter([
  {
    ErrorBoundary: PageFailed,
    HydrateFallback: () => null,
    children: [
      { path: "/sign-in", lazy: page(() => import("./pages/sign-in/SignIn")) },
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
              { index: true, Component: HomeRedirect },
              { path: "calls", lazy: page(() => import("./pages/calls/Calls")) },
              { path: "second-factor", lazy: page(() => import("./pages/second-factor/SecondFactor")) },
              { path: "*", Component: NotHere },
            ],
          },
        ],
      },
      { path: "*", Component: NotHere },
    ],
  },
]);
