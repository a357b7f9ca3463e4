# What happens on the desktop of dev/desktop.sh: the app is used, and pictured.
set -eu
pids=
trap 'kill $pids 2>/dev/null || true' EXIT
trap 'exit 1' INT TERM
wait_for() { # until a command succeeds, for three minutes
  end=$(($(date +%s) + 180))
  until "$@" >/dev/null 2>&1; do
    [ "$(date +%s)" -lt $end ] || { echo "waited in vain for $*" >&2; exit 1; }
    sleep 0.1
  done
}
ask() { curl -fsS --unix-socket "$PORTHOLE_HOME/api.sock" -H 'Content-Type: application/json' "http://localhost/api/v1$@"; }
visit() { curl -fs --connect-to ::127.0.0.1: "http://shop.tunnel.example.com$@"; }
seen() { # a picture at rest: the same twice
  import -silent -window "$1" "$2.new.png"
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    mv "$2.new.png" "$2.png"
    sleep 0.5
    import -silent -window "$1" "$2.new.png"
    cmp -s "$2.png" "$2.new.png" && break
  done
  mv "$2.new.png" "$2.png"
}

[ "$PICTURE" = dark ] && wall='#1c2530' || wall='#d5dde5'
openbox >/dev/null 2>&1 &
pids="$pids $!"
wait_for wmctrl -m
xsetroot -solid "$wall"
xfce4-panel >/dev/null 2>&1 &
pids="$pids $!"
wait_for xdotool search --class xfce4-panel
"$PROGRAMS/porthole-desktop" --hidden >/dev/null 2>&1 &
app=$!
pids="$pids $app"
wait_for test -S "$PORTHOLE_HOME/api.sock"
for mapping in '{"target": "5173", "name": "shop"}' '{"target": "8025", "name": "mail", "enabled": false}'; do
  wait_for ask /mappings -d "$mapping"
done
wait_for visit /
for path in /api/products /assets/app-4f2a91.js /img/harbour.png /api/cart /api/products/sextant; do
  visit "$path" >/dev/null || true
done
visit /hooks -d '{"event":"order.paid"}' -H 'Content-Type: application/json' >/dev/null || true
sleep 1

# The icon is at the panel's right end; the menu opens below it, with the mapping's own beside it. A pointer that
# stayed on the icon would have its tooltip lie over the menu.
xdotool mousemove 1422 14 click 3 mousemove 300 600
sleep 1
xdotool key Down Down Down Right
sleep 0.5
seen root "$SCREENSHOTS/tray-$PICTURE"
mogrify -crop 760x420+680+0 +repage "$SCREENSHOTS/tray-$PICTURE.png"
xdotool key Escape Escape Escape mousemove 20 880
# Notifications would lie over the window.
dunstctl close-all 2>/dev/null || true

"$PROGRAMS/porthole-desktop"
window() { wmctrl -l | awk '/ Porthole$/ { print $1 }' | grep .; }
wait_for window
# An empty page takes no more bytes than this.
drawn() { import -silent -window "$(window)" "$SCREENSHOTS/window-$PICTURE.png" && [ "$(stat -c %s "$SCREENSHOTS/window-$PICTURE.png")" -gt 30000 ]; }
wait_for drawn
seen "$(window)" "$SCREENSHOTS/window-$PICTURE"
kill -TERM $app
# A second time: what still runs is not waited for.
sleep 0.5
kill -TERM $app 2>/dev/null || true
wait $app || true
