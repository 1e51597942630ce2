/** What we use of htmx, which ships no types for its module build. */
declare module "htmx.org/dist/htmx.esm.js" {
  const htmx: {
    config: { history: boolean };
    ajax(
      method: "GET",
      url: string,
      options: { source: Element; target: string | Element; swap: string },
    ): Promise<void>;
    process(element: Element): void;
  };
  export default htmx;
}
