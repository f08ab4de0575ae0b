/** HTML files become strings (esbuild's loader "text"). */
declare module "*.html" {
  const html: string;
  export default html;
}
