import { createTheme, localStorageColorSchemeManager, MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { RouterProvider } from "react-router";
import { ProblemError } from "./api/request";
import "./look/mantine.css";
import "./look/tokens.css";
import "./look/base.css";
import { router } from "./routes";

const theme = createTheme({
  fontFamily: "var(--font)",
  defaultRadius: "sm",
  respectReducedMotion: true,
  components: {
    // Said out loud, because our colours go by it.
    Button: { defaultProps: { variant: "filled" } },
    // Its own lock writes a <style>, which the server's policy refuses; base.css locks the page instead.
    Modal: { defaultProps: { lockScroll: false, transitionProps: { duration: 100 } } },
    Tooltip: { defaultProps: { openDelay: 300, events: { hover: true, focus: true, touch: true } } },
    Menu: { defaultProps: { transitionProps: { duration: 0 } } },
  },
});

/** Refusals do not mend themselves by asking again; lost connections do. */
function isWorthTrying(failures: number, error: Error): boolean {
  return failures < 2 && !(error instanceof ProblemError && error.problem.status < 500);
}

const queries = new QueryClient({
  defaultOptions: { queries: { retry: isWorthTrying, refetchOnWindowFocus: false, staleTime: 5_000 } },
});

const root = document.getElementById("root");
if (root === null) {
  throw new Error("index.html has no #root");
}
createRoot(root).render(
  <StrictMode>
    <MantineProvider
      theme={theme}
      defaultColorScheme="auto"
      colorSchemeManager={localStorageColorSchemeManager({ key: "switchboard-scheme" })}
      withCssVariables={false}
      withGlobalClasses={false}
    >
      <QueryClientProvider client={queries}>
        <Notifications position="bottom-right" autoClose={6000} />
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
