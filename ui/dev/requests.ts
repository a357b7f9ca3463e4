/** One request of a visitor to the shop of shop.mjs. */
export interface Request {
  /** Of the mapping. */
  name: string;
  method: string;
  path: string;
  body?: string;
  headers?: Record<string, string>;
  /** It becomes a WebSocket. */
  upgrade?: boolean;
  /** All day long: once in so many rounds. */
  every?: number;
}

const get = (path: string, every = 1): Request => ({ name: "shop", method: "GET", path, every });

const post = (path: string, value: unknown, more: Partial<Request> = {}): Request => ({
  name: "shop",
  method: "POST",
  path,
  body: JSON.stringify(value),
  ...more,
  headers: { "content-type": "application/json", ...more.headers },
});

const STRIPE = post(
  "/hooks/stripe",
  {
    id: "evt_1QmZ4yBx",
    object: "event",
    type: "checkout.session.completed",
    created: 1795252800,
    livemode: false,
    data: {
      object: {
        id: "cs_test_b1fK",
        amount_total: 34900,
        currency: "eur",
        customer_details: { email: "ada@example.com", name: "Ada Byron", address: { country: "NL" } },
        metadata: { order: "ord_1042" },
        payment_status: "paid",
      },
    },
  },
  {
    name: "hooks",
    headers: {
      "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
      "stripe-signature": "t=1795252800,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd",
    },
  },
);

const GITHUB = post(
  "/hooks/github",
  {
    action: "opened",
    number: 118,
    pull_request: { title: "Handle paid orders", draft: false, user: { login: "grace" } },
    repository: { full_name: "quay/orders-api" },
  },
  {
    name: "hooks",
    headers: {
      "user-agent": "GitHub-Hookshot/7f1c2a9",
      "x-github-event": "pull_request",
      "x-github-delivery": "0f4d2a1c-6d2b-11ef-9f7a-3f5d8b1f3c55",
    },
  },
);

const GRAPHQL = post("/graphql", {
  operationName: "OrderStatus",
  query: "query OrderStatus($id: ID!) { order(id: $id) { id status lines } }",
  variables: { id: "ord_1042" },
});

const LOGIN: Request = {
  ...get("/api/login"),
  method: "POST",
  body: "user=ada%40example.com&password=not-a-real-one&remember=on",
  headers: { "content-type": "application/x-www-form-urlencoded" },
};

const PHOTO: Request = {
  ...get("/api/photos"),
  method: "POST",
  headers: { "content-type": "multipart/form-data; boundary=quay" },
  body: '--quay\r\nContent-Disposition: form-data; name="caption"\r\n\r\nThe rope, coiled\r\n--quay\r\nContent-Disposition: form-data; name="photo"; filename="rope.svg"\r\nContent-Type: image/svg+xml\r\n\r\n<svg xmlns="http://www.w3.org/2000/svg"/>\r\n--quay--\r\n',
};

const CART: Request = { ...post("/api/cart", { sku: "sextant", quantity: 1 }), method: "PUT" };
const CHECKOUT = post("/api/checkout", { cart: "c_88", coupon: "SPRING" });

export const ALL_DAY: readonly Request[] = [
  get("/"),
  get("/assets/app-4f2a91.js"),
  get("/img/harbour.png", 2),
  get("/api/products?page=1"),
  get("/api/cart", 2),
  { ...CART, every: 5 },
  { ...GRAPHQL, every: 2 },
  { ...GITHUB, every: 9 },
  { ...LOGIN, every: 6 },
  { ...CHECKOUT, every: 7 },
  get("/favicon.ico", 8),
  get("/api/stock", 14),
  get("/api/crash", 26),
  get("/api/reports/month", 34),
];

/** Each kind once, the oldest first. */
export const LAST_MINUTES: readonly Request[] = [
  get("/"),
  get("/assets/app-4f2a91.js"),
  get("/img/harbour.png"),
  get("/api/products?page=1&sort=-price"),
  LOGIN,
  { ...get("/live"), upgrade: true },
  GRAPHQL,
  get("/api/stock"),
  CART,
  get("/favicon.ico"),
  PHOTO,
  CHECKOUT,
  get("/api/orders/1042"),
  get("/api/crash"),
  GITHUB,
  get("/api/reports/month?year=2026"),
  get("/exports/orders.csv"),
  STRIPE,
  GRAPHQL,
  get("/api/cart"),
];
