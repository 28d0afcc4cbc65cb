// What a codec finds around itself, and how it is called. The function at the end answers '+' and the JSON of what came out, or '-' and why
// nothing did. It holds what it needs before the codec can change it.
(function (global) {
  const stringify = JSON.stringify, isArray = Array.isArray, text = String, GivenDate = Date

  const silent = function () {}
  global.console = { log: silent, debug: silent, info: silent, warn: silent, error: silent, trace: silent }
  global.module = { exports: {} }
  global.exports = global.module.exports
  global.require = function (name) {
    if (name === 'buffer' || name === 'node:buffer') return { Buffer: global.Buffer }
    throw new Error('there is no module ' + text(name))
  }

  function words(e) {
    try {
      if (e !== null && typeof e === 'object' && e.message !== undefined) return text(e.name || 'Error') + ': ' + text(e.message)
      return text(e)
    } catch (again) {
      return 'something that has no text'
    }
  }

  function list(v) {
    if (v === undefined || v === null) return []
    return isArray(v) ? v : [v]
  }

  function object(v, name) {
    if (v === null || typeof v !== 'object') throw new TypeError(name + ' answered no object')
    if (typeof v.then === 'function') throw new TypeError(name + ' answered a promise: codecs must answer at once')
    const errors = list(v.errors)
    if (errors.length > 0) {
      let said = ''
      for (let i = 0; i < errors.length; i++) said += (i ? '; ' : '') + text(errors[i])
      throw new Error(said)
    }
    return v
  }

  return function (load, kind, bytes, port, recvMS, variables) {
    try {
      const found = load()
      const given = global.module && global.module.exports || {}
      const inner = given.default || {}
      const pick = function (i, name) {
        const f = [found[i], given[name], inner[name], global.exports && global.exports[name]]
        for (let n = 0; n < f.length; n++) if (typeof f[n] === 'function') return f[n]
        return undefined
      }
      const decodeUplink = kind !== 'decoder' ? pick(0, 'decodeUplink') : undefined
      const decode = kind !== 'ttn' ? pick(2, 'Decode') : undefined
      const decoder = kind === 'decoder' || kind === 'auto' ? pick(3, 'Decoder') : undefined
      const out = {}
      if (decodeUplink) {
        const answer = object(decodeUplink({ bytes: bytes, fPort: port, recvTime: new GivenDate(recvMS), variables: variables }), 'decodeUplink')
        out.data = answer.data === undefined ? null : answer.data
        const warnings = list(answer.warnings)
        const normalizeUplink = kind === 'chirpstack' ? undefined : pick(1, 'normalizeUplink')
        if (normalizeUplink && out.data !== null) {
          const normal = object(normalizeUplink({ data: out.data, fPort: port, recvTime: new GivenDate(recvMS) }), 'normalizeUplink')
          out.normalized = list(normal.data)
          for (const w of list(normal.warnings)) warnings.push(w)
        }
        if (warnings.length > 0) out.warnings = warnings
      } else if (decoder && !(kind === 'auto' && decode)) {
        out.data = object(decoder(bytes, port), 'Decoder')
      } else if (decode) {
        out.data = object(decode(port, bytes, variables), 'Decode')
      } else {
        throw new TypeError('it has none of the functions of its kind, ' + kind)
      }
      return '+' + stringify(out)
    } catch (e) {
      return '-' + words(e)
    }
  }
})(this)
