import type { Page } from "playwright-core";

// inkIn counts pixels of about each colour of the style sheet, in the canvas or between two parts of its width: something
// was really drawn.
export function inkIn(page: Page, selector: string, colours: string[], from = 0, to = 1): Promise<number[]> {
  return page.evaluate(
    ({ selector, colours, from, to }) => {
      const canvas = document.querySelector<HTMLCanvasElement>(selector)!;
      const { data } = canvas.getContext("2d")!.getImageData(canvas.width * from, 0, canvas.width * (to - from), canvas.height);
      return colours.map((colour) => {
        const n = Number.parseInt(getComputedStyle(canvas).getPropertyValue(colour).trim().slice(1), 16);
        let found = 0;
        for (let i = 0; i < data.length; i += 4) {
          const distance = Math.abs(data[i]! - (n >> 16)) + Math.abs(data[i + 1]! - ((n >> 8) & 255)) + Math.abs(data[i + 2]! - (n & 255));
          if (data[i + 3]! > 200 && distance < 60) found++;
        }
        return found;
      });
    },
    { selector, colours, from, to },
  );
}
