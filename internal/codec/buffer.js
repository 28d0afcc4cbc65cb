// The part of Node's Buffer that codecs use, atob and btoa, and TextDecoder for UTF-8.
(function (global) {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

  function fromBase64(s) {
    s = String(s).replace(/-/g, '+').replace(/_/g, '/').replace(/[^A-Za-z0-9+/]/g, '')
    const out = []
    let bits = 0, held = 0
    for (let i = 0; i < s.length; i++) {
      held = (held << 6 | digits.indexOf(s[i])) & 0xffffff
      bits += 6
      if (bits >= 8) {
        bits -= 8
        out.push(held >> bits & 0xff)
      }
    }
    return out
  }

  function toBase64(b) {
    let out = ''
    for (let i = 0; i < b.length; i += 3) {
      const n = b[i] << 16 | (b[i + 1] || 0) << 8 | (b[i + 2] || 0)
      out += digits[n >> 18] + digits[n >> 12 & 63] + (i + 1 < b.length ? digits[n >> 6 & 63] : '=') + (i + 2 < b.length ? digits[n & 63] : '=')
    }
    return out
  }

  function fromUTF8(s) {
    const out = [], escaped = encodeURIComponent(s)
    for (let i = 0; i < escaped.length; i++) {
      if (escaped[i] === '%') {
        out.push(parseInt(escaped.substr(i + 1, 2), 16))
        i += 2
      } else out.push(escaped.charCodeAt(i))
    }
    return out
  }

  function toUTF8(b) {
    let s = ''
    for (let i = 0; i < b.length; i++) s += '%' + (b[i] < 16 ? '0' : '') + b[i].toString(16)
    try {
      return decodeURIComponent(s)
    } catch (e) {
      return latin(b, 0x7f)
    }
  }

  function latin(b, mask) {
    let s = ''
    for (let i = 0; i < b.length; i++) s += String.fromCharCode(mask === 0x7f && b[i] > 0x7f ? 0xfffd : b[i] & mask)
    return s
  }

  function units(s) {
    const out = []
    for (let i = 0; i < s.length; i++) out.push(s.charCodeAt(i) & 0xff)
    return out
  }

  function hex(s) {
    const out = []
    for (let i = 0; i + 1 < s.length; i += 2) {
      const n = parseInt(s.substr(i, 2), 16)
      if (!(n >= 0)) break
      out.push(n)
    }
    return out
  }

  function Buffer(v, encoding) {
    return typeof v === 'number' ? Buffer.alloc(v) : Buffer.from(v, encoding)
  }
  Buffer.prototype = Object.create(Uint8Array.prototype, { constructor: { value: Buffer } })

  function dressed(array) {
    Object.setPrototypeOf(array, Buffer.prototype)
    return array
  }

  Buffer.from = function (v, encoding, length) {
    if (typeof v === 'string') {
      switch (String(encoding || 'utf8').toLowerCase()) {
        case 'hex': v = hex(v); break
        case 'base64': case 'base64url': v = fromBase64(v); break
        case 'latin1': case 'binary': case 'ascii': v = units(v); break
        default: v = fromUTF8(v)
      }
    } else if (v instanceof ArrayBuffer) return dressed(new Uint8Array(v, encoding || 0, length === undefined ? v.byteLength - (encoding || 0) : length))
    return dressed(new Uint8Array(v))
  }
  Buffer.alloc = Buffer.allocUnsafe = function (n, fill) {
    const b = dressed(new Uint8Array(n))
    return fill === undefined ? b : b.fill(fill)
  }
  Buffer.isBuffer = function (v) { return v instanceof Buffer }
  Buffer.byteLength = function (v, encoding) { return Buffer.from(v, encoding).length }
  Buffer.concat = function (parts) {
    const all = []
    for (const p of parts) for (let i = 0; i < p.length; i++) all.push(p[i])
    return Buffer.from(all)
  }

  const methods = {
    toString: function (encoding, from, to) {
      const b = from === undefined ? this : this.subarray(from, to)
      switch (String(encoding || 'utf8').toLowerCase()) {
        case 'hex': {
          let s = ''
          for (let i = 0; i < b.length; i++) s += (b[i] < 16 ? '0' : '') + b[i].toString(16)
          return s
        }
        case 'base64': return toBase64(b)
        case 'latin1': case 'binary': return latin(b, 0xff)
        case 'ascii': return latin(b.map(function (n) { return n & 0x7f }), 0xff)
        default: return toUTF8(b)
      }
    },
    toJSON: function () { return { type: 'Buffer', data: Array.from(this) } },
    subarray: function (from, to) { return dressed(Uint8Array.prototype.subarray.call(this, from, to === undefined ? this.length : to)) },
    slice: function (from, to) { return this.subarray(from || 0, to) },
    equals: function (other) { return this.length === other.length && this.every(function (n, i) { return n === other[i] }) },
    readUIntBE: function (at, n) { let v = 0; for (let i = 0; i < n; i++) v = v * 256 + this.readUInt8(at + i); return v },
    readUIntLE: function (at, n) { let v = 0; for (let i = n - 1; i >= 0; i--) v = v * 256 + this.readUInt8(at + i); return v },
    readIntBE: function (at, n) { const v = this.readUIntBE(at, n), half = Math.pow(2, 8 * n - 1); return v >= half ? v - 2 * half : v },
    readIntLE: function (at, n) { const v = this.readUIntLE(at, n), half = Math.pow(2, 8 * n - 1); return v >= half ? v - 2 * half : v }
  }
  for (const [name, call, size] of [['UInt8', 'Uint8', 1], ['Int8', 'Int8', 1], ['UInt16', 'Uint16', 2], ['Int16', 'Int16', 2], ['UInt32', 'Uint32', 4], ['Int32', 'Int32', 4],
    ['Float', 'Float32', 4], ['Double', 'Float64', 8], ['BigUInt64', 'BigUint64', 8], ['BigInt64', 'BigInt64', 8]]) {
    for (const order of size === 1 ? [''] : ['BE', 'LE']) {
      const short = name.replace('UInt', 'Uint')
      methods['read' + name + order] = methods['read' + short + order] = function (at) {
        return new DataView(this.buffer, this.byteOffset, this.byteLength)['get' + call](at || 0, order === 'LE')
      }
      methods['write' + name + order] = methods['write' + short + order] = function (v, at) {
        new DataView(this.buffer, this.byteOffset, this.byteLength)['set' + call](at || 0, v, order === 'LE')
        return (at || 0) + size
      }
    }
  }
  for (const name of Object.keys(methods)) Object.defineProperty(Buffer.prototype, name, { value: methods[name], writable: true, configurable: true })

  global.Buffer = Buffer
  global.atob = function (s) { return latin(fromBase64(s), 0xff) }
  global.btoa = function (s) { return toBase64(units(String(s))) }
  global.TextDecoder = function TextDecoder() {}
  global.TextDecoder.prototype.decode = function (v) { return v === undefined ? '' : toUTF8(v instanceof ArrayBuffer ? new Uint8Array(v) : v) }
})(this)
