/** One request of a recorded sequence. In headers and bodies `{token}` is the lock token that was given last. */
export interface Step {
  /** Method and path, as in `PUT /a`. */
  readonly send: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly status: number;
  /** What must be in the answer, headers or body. */
  readonly says?: readonly RegExp[];
  /** The client has not been asked for its password yet. */
  readonly isAnonymous?: true;
}

/** What a program does for one thing that its user does. */
export interface Sequence {
  readonly name: string;
  readonly steps: readonly Step[];
  /** The tree afterwards: path to content; null: nothing. */
  readonly leaves: Readonly<Record<string, string | null>>;
}

const XML = { 'content-type': 'text/xml; charset="utf-8"' };
const EXCLUSIVE = (owner: string): string =>
  `<?xml version="1.0" encoding="utf-8" ?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner><D:href>${owner}</D:href></D:owner></D:lockinfo>`;
const HELD = { if: '(<{token}>)' };
const UNLOCK = { 'lock-token': '<{token}>' };

/** Explorer leaves out the body where it wants everything. */
const EXPLORER = {
  'user-agent': 'Microsoft-WebDAV-MiniRedir/10.0.22621',
  translate: 'f',
  'content-length': '0',
};
const OFFICE = { 'user-agent': 'Microsoft-WebDAV-MiniRedir/10.0.22621', translate: 'f' };
const WIN32 =
  '<?xml version="1.0" encoding="utf-8" ?><D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:"><D:set><D:prop><Z:Win32CreationTime>Fri, 02 Jan 2026 03:04:05 GMT</Z:Win32CreationTime><Z:Win32LastAccessTime>Fri, 02 Jan 2026 03:04:06 GMT</Z:Win32LastAccessTime><Z:Win32LastModifiedTime>Fri, 02 Jan 2026 03:04:07 GMT</Z:Win32LastModifiedTime><Z:Win32FileAttributes>00000020</Z:Win32FileAttributes></D:prop></D:set></D:propertyupdate>';
const WIN32_ASKED =
  '<D:propfind xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:"><D:prop><Z:Win32CreationTime/><Z:Win32LastAccessTime/><Z:Win32LastModifiedTime/><Z:Win32FileAttributes/></D:prop></D:propfind>';

const FINDER = { 'user-agent': 'WebDAVFS/3.0.0 (03008000) Darwin/23.1.0 (arm64)' };
const FINDER_ASKED =
  '<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:"><D:prop><D:getlastmodified/><D:getcontentlength/><D:creationdate/><D:resourcetype/></D:prop></D:propfind>';
const FINDER_ROOM =
  '<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:"><D:prop><D:quota-available-bytes/><D:quota-used-bytes/><D:quota/><D:quotaused/></D:prop></D:propfind>';

const GVFS = { 'user-agent': 'gvfs/1.50.3' };
const GVFS_ASKED =
  '<?xml version="1.0" encoding="utf-8" ?><D:propfind xmlns:D="DAV:"><D:prop><D:creationdate/><D:displayname/><D:getcontentlength/><D:getcontenttype/><D:getetag/><D:getlastmodified/><D:resourcetype/></D:prop></D:propfind>';

const LIBREOFFICE = { 'user-agent': 'LibreOffice 7.4.7.2 curl/7.88.1 OpenSSL/3.0.11' };
const LIBREOFFICE_ASKED =
  '<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop><resourcetype/><IsFolder xmlns="http://ucb.openoffice.org/dav/props/"/><Title xmlns="http://ucb.openoffice.org/dav/props/"/><getlastmodified/><lockdiscovery/></prop></propfind>';

/** What programs do, in their own order and with their own headers. */
export const SEQUENCES: readonly Sequence[] = [
  {
    name: 'Finder copies a file to the server, with its icon file and resource fork',
    steps: [
      { send: 'OPTIONS /', headers: FINDER, status: 200, says: [/"dav":"[^"]*\b2\b/] },
      {
        send: 'PROPFIND /',
        headers: { ...FINDER, ...XML, depth: '0' },
        body: FINDER_ROOM,
        status: 207,
        says: [/quota-available-bytes>\d+</],
      },
      {
        send: 'PROPFIND /one.txt',
        headers: { ...FINDER, ...XML, depth: '0' },
        body: FINDER_ASKED,
        status: 404,
      },
      { send: 'PUT /one.txt', headers: { ...FINDER, 'content-length': '0' }, status: 201 },
      {
        send: 'LOCK /one.txt',
        headers: { ...FINDER, ...XML, depth: '0', timeout: 'Second-600' },
        body: EXCLUSIVE('http://www.apple.com/webdav_fs/'),
        status: 200,
        says: [/Second-600/],
      },
      {
        send: 'PUT /one.txt',
        headers: {
          ...FINDER,
          ...HELD,
          'transfer-encoding': 'chunked',
          'x-expected-entity-length': '7',
        },
        body: 'content',
        status: 204,
      },
      {
        send: 'LOCK /one.txt',
        headers: { ...FINDER, ...HELD, timeout: 'Second-600', 'content-length': '0' },
        status: 200,
      },
      { send: 'UNLOCK /one.txt', headers: { ...FINDER, ...UNLOCK }, status: 204 },
      {
        send: 'PUT /._one.txt',
        headers: { ...FINDER, 'content-type': 'application/octet-stream' },
        body: 'fork',
        status: 201,
      },
      {
        send: 'PROPFIND /._one.txt',
        headers: { ...FINDER, ...XML, depth: '0' },
        body: FINDER_ASKED,
        status: 207,
        says: [/getcontentlength>4</],
      },
      { send: 'PUT /.DS_Store', headers: FINDER, body: 'icons', status: 201 },
      {
        send: 'PROPFIND /',
        headers: { ...FINDER, ...XML, depth: '1' },
        body: FINDER_ASKED,
        status: 207,
        says: [/\/\._one\.txt</, /\/\.DS_Store</, /\/one\.txt</],
      },
    ],
    leaves: { 'one.txt': 'content', '._one.txt': 'fork', '.DS_Store': 'icons' },
  },
  {
    name: 'Finder loses the connection in the middle of a chunked body',
    steps: [
      {
        send: 'PUT /cut.txt',
        headers: { ...FINDER, 'transfer-encoding': 'chunked', 'x-expected-entity-length': '100' },
        body: 'content',
        status: 400,
      },
    ],
    leaves: { 'cut.txt': null },
  },
  {
    name: 'Explorer connects and is asked to sign in only when it wants something',
    steps: [
      {
        send: 'OPTIONS /',
        headers: EXPLORER,
        isAnonymous: true,
        status: 200,
        says: [/"ms-author-via":"DAV"/, /"dav":"1, 2/],
      },
      {
        send: 'PROPFIND /',
        headers: { ...EXPLORER, depth: '0' },
        isAnonymous: true,
        status: 401,
        says: [/"www-authenticate":"Basic realm/],
      },
      { send: 'PROPFIND /', headers: { ...EXPLORER, depth: '0' }, status: 207 },
      { send: 'PROPFIND /desktop.ini', headers: { ...EXPLORER, depth: '0' }, status: 404 },
      {
        send: 'PROPFIND /',
        headers: { ...EXPLORER, depth: '1' },
        status: 207,
        says: [/<D:collection\/>/, /<D:supportedlock>/],
      },
    ],
    leaves: {},
  },
  {
    name: 'Explorer copies a file to the server, with its times and attributes',
    steps: [
      { send: 'PUT /a%20b.txt', headers: EXPLORER, status: 201 },
      {
        send: 'LOCK /a%20b.txt',
        headers: { ...OFFICE, ...XML, timeout: 'Second-3600' },
        body: EXCLUSIVE('PC\\ann'),
        status: 200,
        says: [/Second-3600/, /PC\\ann/],
      },
      {
        send: 'PROPPATCH /a%20b.txt',
        headers: { ...OFFICE, ...XML, ...HELD },
        body: WIN32,
        status: 207,
        says: [/200 OK/],
      },
      { send: 'HEAD /a%20b.txt', headers: OFFICE, status: 200 },
      { send: 'PUT /a%20b.txt', headers: { ...OFFICE, ...HELD }, body: 'content', status: 204 },
      {
        send: 'PROPPATCH /a%20b.txt',
        headers: { ...OFFICE, ...XML, ...HELD },
        body: WIN32,
        status: 207,
        says: [/200 OK/],
      },
      { send: 'UNLOCK /a%20b.txt', headers: { ...OFFICE, ...UNLOCK }, status: 204 },
      {
        send: 'PROPFIND /a%20b.txt',
        headers: { ...OFFICE, ...XML, depth: '0' },
        body: WIN32_ASKED,
        status: 207,
        says: [
          /CreationTime[^>]*>Fri, 02 Jan 2026 03:04:05 GMT</,
          /LastAccessTime[^>]*>Fri, 02 Jan 2026 03:04:06 GMT</,
          /LastModifiedTime[^>]*>Fri, 02 Jan 2026 03:04:07 GMT</,
          /FileAttributes[^>]*>00000020</,
        ],
      },
      { send: 'GET /a%20b.txt', headers: OFFICE, status: 200, says: [/content/] },
    ],
    leaves: { 'a b.txt': 'content' },
  },
  {
    name: 'Word saves over Explorer by renaming twice',
    steps: [
      { send: 'PUT /doc.docx', headers: OFFICE, body: 'old', status: 201 },
      {
        send: 'LOCK /~WRD0001.tmp',
        headers: { ...OFFICE, ...XML, timeout: 'Second-3600' },
        body: EXCLUSIVE('PC\\ann'),
        status: 201,
      },
      { send: 'PUT /~WRD0001.tmp', headers: { ...OFFICE, ...HELD }, body: 'new', status: 204 },
      { send: 'UNLOCK /~WRD0001.tmp', headers: { ...OFFICE, ...UNLOCK }, status: 204 },
      {
        send: 'MOVE /doc.docx',
        headers: { ...OFFICE, destination: '{url}~WRL0002.tmp', overwrite: 'F' },
        status: 201,
      },
      {
        send: 'MOVE /~WRD0001.tmp',
        headers: { ...OFFICE, destination: '{url}doc.docx', overwrite: 'F' },
        status: 201,
      },
      { send: 'DELETE /~WRL0002.tmp', headers: OFFICE, status: 204 },
    ],
    leaves: { 'doc.docx': 'new', '~WRD0001.tmp': null, '~WRL0002.tmp': null },
  },
  {
    name: 'gvfs (Nautilus) makes a folder, copies into it, renames and replaces',
    steps: [
      { send: 'OPTIONS /', headers: GVFS, status: 200 },
      {
        send: 'PROPFIND /',
        headers: { ...GVFS, ...XML, depth: '1' },
        body: GVFS_ASKED,
        status: 207,
      },
      { send: 'MKCOL /New%20Folder', headers: GVFS, status: 201 },
      { send: 'HEAD /New%20Folder/f%C3%BC', headers: GVFS, status: 404 },
      {
        send: 'PUT /New%20Folder/f%C3%BC',
        headers: { ...GVFS, 'if-none-match': '*' },
        body: 'one',
        status: 201,
      },
      {
        send: 'COPY /New%20Folder/f%C3%BC',
        headers: { ...GVFS, destination: '{url}copy', overwrite: 'F' },
        status: 201,
      },
      {
        send: 'COPY /New%20Folder/f%C3%BC',
        headers: { ...GVFS, destination: '{url}copy', overwrite: 'F' },
        status: 412,
      },
      {
        send: 'MOVE /New%20Folder/',
        headers: { ...GVFS, destination: '{url}Renamed/', overwrite: 'F' },
        status: 201,
      },
      { send: 'PUT /copy', headers: GVFS, body: 'two', status: 204 },
      {
        send: 'PROPFIND /Renamed/',
        headers: { ...GVFS, ...XML, depth: '1' },
        body: GVFS_ASKED,
        status: 207,
        says: [/\/Renamed\/f%C3%BC</],
      },
    ],
    leaves: { copy: 'two', 'Renamed/fü': 'one', 'New Folder': null },
  },
  {
    name: 'LibreOffice opens a document, saves it twice, and closes it',
    steps: [
      { send: 'PUT /text.odt', body: 'before', status: 201 },
      {
        send: 'PROPFIND /text.odt',
        headers: { ...LIBREOFFICE, ...XML, depth: '0' },
        body: LIBREOFFICE_ASKED,
        status: 207,
        says: [/<D:lockdiscovery\/>/, /404 Not Found/],
      },
      {
        send: 'LOCK /text.odt',
        headers: { ...LIBREOFFICE, ...XML, depth: '0', timeout: 'Second-180' },
        body: EXCLUSIVE('LibreOffice - http://www.libreoffice.org/'),
        status: 200,
        says: [/Second-180/],
      },
      { send: 'GET /text.odt', headers: LIBREOFFICE, status: 200, says: [/before/] },
      {
        send: 'LOCK /text.odt',
        headers: { ...XML, depth: '0' },
        body: EXCLUSIVE('another'),
        status: 423,
        says: [/no-conflicting-lock/],
      },
      { send: 'PUT /text.odt', headers: { ...LIBREOFFICE, ...HELD }, body: 'saved', status: 204 },
      {
        send: 'LOCK /text.odt',
        headers: { ...LIBREOFFICE, ...HELD, timeout: 'Second-180', 'content-length': '0' },
        status: 200,
      },
      { send: 'PUT /text.odt', headers: LIBREOFFICE, body: 'without its token', status: 423 },
      {
        send: 'PUT /text.odt',
        headers: { ...LIBREOFFICE, ...HELD },
        body: 'saved again',
        status: 204,
      },
      { send: 'UNLOCK /text.odt', headers: { ...LIBREOFFICE, ...UNLOCK }, status: 204 },
      { send: 'UNLOCK /text.odt', headers: { ...LIBREOFFICE, ...UNLOCK }, status: 409 },
    ],
    leaves: { 'text.odt': 'saved again' },
  },
  {
    name: 'davfs2 locks a name before it makes the file',
    steps: [
      {
        send: 'LOCK /new',
        headers: { ...XML, depth: '0', timeout: 'Second-1800' },
        body: EXCLUSIVE('root'),
        status: 201,
      },
      { send: 'HEAD /new', status: 200, says: [/"content-length":"0"/] },
      { send: 'PUT /new', headers: { ...HELD, 'content-length': '3' }, body: 'abc', status: 204 },
      { send: 'HEAD /new', status: 200, says: [/"etag":/] },
      { send: 'UNLOCK /new', headers: UNLOCK, status: 204 },
    ],
    leaves: { new: 'abc' },
  },
  {
    name: 'the clients of ownCloud and Nextcloud upload with time and checksum',
    steps: [
      {
        send: 'PUT /photo.jpg',
        headers: {
          'oc-checksum': 'SHA1:040f06fd774092478d450774f5ba30c5da78acc8',
          'x-oc-mtime': '1700000000',
          'oc-total-length': '7',
          'content-type': 'application/octet-stream',
        },
        body: 'content',
        status: 201,
        says: [/"x-oc-mtime":"accepted"/, /"oc-fileid":/],
      },
      {
        send: 'PUT /photo.jpg',
        headers: { 'oc-checksum': 'SHA1:040f06fd774092478d450774f5ba30c5da78acc8' },
        body: 'damaged',
        status: 400,
      },
      {
        send: 'PROPFIND /photo.jpg',
        headers: { ...XML, depth: '0' },
        body: '<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop><d:getetag/><oc:fileid/><oc:checksums/><oc:permissions/></d:prop></d:propfind>',
        status: 207,
        says: [/SHA1:040f06fd/, /fileid>/],
      },
    ],
    leaves: { 'photo.jpg': 'content' },
  },
];
