#!/bin/sh
# Takes the pictures of the app on a desktop of its own: ui/screenshots/{tray,window}-{light,dark}.png.
# Run it from ui/, in a network of its own, so that the tray lists nobody else's ports:
#   unshare --map-root-user --net --mount sh dev/alone.sh sh dev/desktop.sh
# Debian's packages: xvfb dbus openbox xfce4-panel gnome-themes-extra imagemagick xdotool wmctrl x11-xserver-utils curl jq.
# PROGRAMS is where the four programs are (../target/debug).
set -eu
programs=$(realpath "${PROGRAMS:-../target/debug}")
ui=$(pwd)
base=$(mktemp -d)
pids=
trap 'kill $pids 2>/dev/null || true; rm -rf "$base"' EXIT
trap 'exit 1' INT TERM

# Two projects, as a developer has them.
for project in shop-frontend:5173:node_modules/vite/bin/vite.js orders-api:3000:server.js; do
  name=${project%%:*} rest=${project#*:}
  port=${rest%%:*} program=${rest#*:}
  folder=$base/code/$name
  mkdir -p "$folder/$(dirname "$program")"
  cp "$ui/dev/shop.mjs" "$folder/$program"
  echo "{\"name\": \"$name\", \"type\": \"module\"}" >"$folder/package.json"
  (cd "$folder" && exec node "$program" "$port") >/dev/null 2>&1 &
  pids="$pids $!"
done

gateway=$base/gateway
mkdir "$gateway"
PORTHOLE_HOME=$gateway "$programs/porthole-gateway" serve --listen 127.0.0.1:80 \
  --public-url http://tunnel.example.com >/dev/null 2>&1 &
pids="$pids $!"
until curl -fs http://tunnel.example.com/health >/dev/null; do sleep 0.1; done
token=$(PORTHOLE_HOME=$gateway "$programs/porthole-gateway" token create --name ada --json | jq -r .token)

take() { # THEME NAME
  theme=$1 name=$2
  home=$base/$name
  mkdir -p "$home/runtime" "$home/.config/xfce4/xfconf/xfce-perchannel-xml"
  chmod 700 "$home/runtime"
  cp "$ui/dev/panel.xml" "$home/.config/xfce4/xfconf/xfce-perchannel-xml/xfce4-panel.xml"
  export HOME="$home" XDG_CONFIG_HOME="$home/.config" XDG_RUNTIME_DIR="$home/runtime" PORTHOLE_HOME="$home/data"
  export GTK_THEME="$theme" GDK_BACKEND=x11 LIBGL_ALWAYS_SOFTWARE=1 NO_AT_BRIDGE=1
  export PORTHOLE_GATEWAY=http://tunnel.example.com PORTHOLE_TOKEN="$token"
  export PICTURE="$name" PROGRAMS="$programs" SCREENSHOTS="$ui/screenshots"
  xvfb-run -a -s "-screen 0 1440x900x24" dbus-run-session -- sh "$ui/dev/desktop-session.sh"
}

take Adwaita light
take Adwaita:dark dark
