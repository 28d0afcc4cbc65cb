package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/trackseal/trackseal/api/internal/report"
)

// debianFonts are tried when the configuration names none: what these packages bring are single TrueType fonts.
var debianFonts = []string{
	"/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf", // fonts-droid-fallback: Chinese, Japanese
	"/usr/share/fonts/opentype/ipafont-gothic/ipag.ttf",         // fonts-ipafont-gothic: Japanese
	"/usr/share/fonts/truetype/nanum/NanumGothic.ttf",           // fonts-nanum: Korean
}

// openStyle reads the fonts and the logo of reports.
func openStyle(cfg ReportConfig) (report.Style, error) {
	var style report.Style
	names, named := cfg.Fonts, cfg.Fonts != nil
	if !named {
		names = debianFonts
	}
	var fonts [][]byte
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if !named && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			_, err = report.NewFonts(raw)
		}
		if err != nil {
			return style, fmt.Errorf("report.fonts: %s: %w; name a TrueType file (.ttf), such as those of Debian's fonts-droid-fallback", name, err)
		}
		fonts = append(fonts, raw)
	}
	var err error
	if style.Fonts, err = report.NewFonts(fonts...); err != nil {
		return style, err
	}
	if cfg.Logo == "" {
		return style, nil
	}
	raw, err := os.ReadFile(cfg.Logo)
	if err == nil {
		style.Logo, err = report.ReadLogo(raw)
	}
	if err != nil {
		return style, fmt.Errorf("report.logo: %s: %w", cfg.Logo, err)
	}
	return style, nil
}
