import { Button, Menu } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { Suspense, useState } from "react";
import { NavLink, Outlet, useNavigate, useParams } from "react-router";
import { LOGIN_KEY, mayAs } from "../api/login";
import { request } from "../api/request";
import { Banner } from "./Banner";
import { Icon } from "./Icon";
import { KeyList } from "./KeyList";
import { KeysProvider, useKeys } from "./keys";
import { LiveCount } from "./LiveCount";
import { PAGES } from "./navigation";
import { NotHere } from "./NotHere";
import { Palette } from "./Palette";
import { SchemeChoice } from "./SchemeChoice";
import { usePath, useSignedIn } from "./tenant";
import "./frame.css";

const MENU_ICON = "M4 7h16M4 12h16M4 17h16";
const GROUPS = ["Today", "Records", "Build", "Run"] as const;

/** Skip link, banner, navigation, main: what stands around every page. */
export function Frame() {
  return (
    <KeysProvider>
      <Framed />
    </KeysProvider>
  );
}

function Framed() {
  const login = useSignedIn();
  const path = usePath();
  const go = useNavigate();
  const { tenant } = useParams();
  const [isNarrow, setNarrow] = useState(() => localStorage.getItem("switchboard-nav") === "narrow");
  const [palette, setPalette] = useState(false);
  const [list, setList] = useState(false);
  const pages = PAGES.filter((page) => mayAs(login, page.role));
  useKeys([
    ...pages.map((page) => ({ keys: `g ${page.letter}`, what: `Go to ${page.label}`, run: () => void go(path(page.path)) })),
    { keys: "?", what: "List the keys", run: () => setList(true) },
  ]);
  const narrow = () => {
    localStorage.setItem("switchboard-nav", isNarrow ? "wide" : "narrow");
    setNarrow(!isNarrow);
  };
  if (tenant !== undefined && tenant !== login.tenant.name) {
    return (
      <main>
        <NotHere />
      </main>
    );
  }
  return (
    <div className="frame" data-narrow={isNarrow || undefined}>
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <header className="top">
        <div className="top-tenant">
          <button type="button" className="icon-button wide-only" aria-label={isNarrow ? "Widen the navigation" : "Narrow the navigation"} onClick={narrow}>
            <Icon path={MENU_ICON} />
          </button>
          <b className="tenant-name">{login.tenant.display_name}</b>
          {login.demo ? <span className="demo-mark">demo</span> : null}
        </div>
        <div className="top-right">
          {mayAs(login, "staff") ? <LiveCount /> : null}
          <Button variant="default" size="compact-sm" onClick={() => setPalette(true)} aria-keyshortcuts="Control+K Meta+K" className="palette-button">
            <span className="wide-only">Find or do </span>
            <kbd>⌘K</kbd>
          </Button>
          <Account />
        </div>
      </header>
      <nav className="side" aria-label="Pages">
        {GROUPS.map((group) => {
          const inGroup = pages.filter((page) => page.group === group);
          return inGroup.length === 0 ? null : (
            <section key={group}>
              <h2 className="side-group">{group}</h2>
              {inGroup.map((page) => (
                <NavLink key={page.path} to={path(page.path)} end={page.path === ""} className="side-link" title={isNarrow ? page.label : undefined}>
                  <Icon path={page.icon} />
                  <span className="side-label">{page.label}</span>
                </NavLink>
              ))}
            </section>
          );
        })}
      </nav>
      <div className="page-column">
        <Banner />
        <main id="main" tabIndex={-1}>
          <Suspense fallback={null}>
            <Outlet />
          </Suspense>
        </main>
      </div>
      <Palette isOpen={palette} setOpen={setPalette} />
      <KeyList isOpen={list} close={() => setList(false)} />
    </div>
  );
}

function Account() {
  const login = useSignedIn();
  const queries = useQueryClient();
  const path = usePath();
  const go = useNavigate();
  const signOut = async () => {
    await request("DELETE", "/api/v1/session").catch(() => {});
    queries.clear();
    queries.setQueryData(LOGIN_KEY, null);
    location.assign("/sign-in");
  };
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <Button variant="subtle" size="compact-sm" color="blue" className="account-button">
          <span className="account-name">{login.name}</span> <span aria-hidden="true">▾</span>
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <div className="account-who">
          <p>{login.email}</p>
          <p className="quiet small">{login.role}</p>
        </div>
        <SchemeChoice />
        <Menu.Divider />
        <Menu.Item onClick={() => void go(path("second-factor"))}>Second factor</Menu.Item>
        <Menu.Item onClick={() => void signOut()}>Sign out</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
