/** What Vite gives for a file that is imported as an address. */
declare module "*?url" {
  const url: string;
  export default url;
}
