/** Whether a URL leads nowhere on any other computer. */
export function onlyHere(url: string): boolean {
  return /^[a-z]+:\/\/([^/]*\.)?localhost([:/]|$)/.test(url);
}
