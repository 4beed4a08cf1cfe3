const scheme = matchMedia('(prefers-color-scheme: dark)')
const showScheme = () => document.documentElement.classList.toggle('dark-mode', scheme.matches)
scheme.addEventListener('change', showScheme)
showScheme()

/** What swagger-ui says to the eye and not to a screen reader or a keyboard. It draws anew at will, so does this. */
function mend() {
  // Within a button that does the same a link is a second stop for nothing. The address still follows what is opened.
  for (const link of document.querySelectorAll('.opblock-summary-control a[href]')) link.removeAttribute('href')
  // There is no second level between the title and these.
  for (const heading of document.querySelectorAll('#api :is(h3.opblock-tag, .models > h4)')) heading.ariaLevel ??= '2'
  for (const heading of document.querySelectorAll('#api .opblock-body :is(h4, h5)')) {
    heading.ariaLevel ??= String(Number(heading.localName[1]) - 1)
  }
  const [top] = document.getElementsByClassName('information-container')
  if (top) top.role ??= 'banner'
  for (const text of document.querySelectorAll('#api pre:not([tabindex])')) text.tabIndex = 0
}
new MutationObserver(mend).observe(document.querySelector('#api'), { childList: true, subtree: true })

// No validator: nothing of this page is asked of anybody else.
window.SwaggerUIBundle({ url: '/openapi.json', dom_id: '#api', deepLinking: true, validatorUrl: null })
