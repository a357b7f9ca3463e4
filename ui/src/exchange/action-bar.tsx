import {
  Copy,
  Download,
  Ellipsis,
  FlaskConical,
  GitCompare,
  LifeBuoy,
  Pencil,
  Pin,
  PinOff,
  Repeat2,
  Share,
  StickyNote,
  Terminal,
  Trash2,
} from "lucide-react";
import { api } from "@/api/client";
import type { Exchange } from "@/api/types";
import { Button, IconButton } from "@/parts/button";
import { Menu } from "@/parts/menu";
import { Tip } from "@/parts/tip";
import { canTest } from "./commands";
import type { Actions } from "./use-actions";

/** What can be done with the open exchange, the usual things first. */
export function ActionBar({
  exchange,
  actions,
  onCompare,
}: {
  exchange: Exchange;
  actions: Actions;
  onCompare: () => void;
}) {
  const canReplay = exchange.kind !== "tcp";
  const answered = canTest(exchange);
  return (
    <div className="flex flex-wrap items-center gap-1">
      <Tip text="Send it again, as it was" keys="r">
        <Button
          look="primary"
          className="h-7"
          disabled={!canReplay}
          icon={<Repeat2 size={14} />}
          onClick={() => actions.replay(exchange)}
        >
          Replay
        </Button>
      </Tip>
      <Tip text="Change it and send it" keys="e">
        <Button
          className="h-7"
          disabled={!canReplay}
          icon={<Pencil size={14} />}
          onClick={() => actions.edit(exchange)}
        >
          Edit
        </Button>
      </Tip>
      <Tip text="Compare its answer with another" keys="d">
        <Button className="h-7" icon={<GitCompare size={14} />} onClick={onCompare}>
          Compare
        </Button>
      </Tip>
      <span className="flex-1" />
      <IconButton
        label={exchange.pinned ? "Unpin" : "Pin: kept however old it gets"}
        keys="p"
        aria-pressed={exchange.pinned}
        onClick={() => actions.pin(exchange)}
        icon={exchange.pinned ? <PinOff size={15} /> : <Pin size={15} />}
      />
      <IconButton
        label={exchange.note ? "Edit note" : "Add a note"}
        onClick={() => actions.note(exchange)}
        icon={<StickyNote size={15} />}
      />
      <Menu
        trigger={<IconButton label="Copy as" icon={<Copy size={15} />} />}
        items={[
          {
            label: "Copy as curl",
            icon: <Terminal size={14} />,
            keys: "c",
            act: () => actions.copy(exchange, "curl"),
          },
          { label: "Copy as fetch", icon: <Copy size={14} />, act: () => actions.copy(exchange, "fetch") },
          { label: "Copy as HTTPie", icon: <Copy size={14} />, act: () => actions.copy(exchange, "httpie") },
          { label: "Copy raw request", icon: <Copy size={14} />, act: () => actions.copy(exchange, "raw") },
          "line",
          {
            label: "Make a test: shell",
            icon: <FlaskConical size={14} />,
            disabled: !answered,
            act: () => actions.copy(exchange, "test-sh"),
          },
          {
            label: "Make a test: Node",
            icon: <FlaskConical size={14} />,
            disabled: !answered,
            act: () => actions.copy(exchange, "test-node"),
          },
        ]}
      />
      <Menu
        trigger={<IconButton label="More" icon={<Ellipsis size={15} />} />}
        items={[
          {
            label: "Replay several times, or elsewhere…",
            icon: <Repeat2 size={14} />,
            disabled: !canReplay,
            act: () => actions.replayWith(exchange),
          },
          exchange.stand_in
            ? {
                label: "No longer answer with this when down",
                icon: <LifeBuoy size={14} />,
                act: () => actions.standIn(exchange, false),
              }
            : {
                label: "Answer with this when down",
                icon: <LifeBuoy size={14} />,
                disabled: !answered,
                act: () => actions.standIn(exchange, true),
              },
          {
            label: "Save request body",
            icon: <Download size={14} />,
            href: api.bodyUrl(exchange.id, "request"),
          },
          {
            label: "Save response body",
            icon: <Download size={14} />,
            href: api.bodyUrl(exchange.id, "response"),
          },
          {
            label: "Save as HAR, secrets masked",
            icon: <Share size={14} />,
            href: api.exportUrl({ id: exchange.id }, true),
          },
          {
            label: "Save as HAR, secrets included",
            icon: <Download size={14} />,
            href: api.exportUrl({ id: exchange.id }, false),
          },
          "line",
          { label: "Delete", icon: <Trash2 size={14} />, bad: true, act: () => actions.remove(exchange) },
        ]}
      />
    </div>
  );
}
