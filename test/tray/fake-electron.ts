import { EventEmitter } from 'node:events';
import type { ElectronMembers } from '../../tray/electron-host.ts';

interface Template {
  readonly id?: string;
  readonly label?: string;
  readonly type?: string;
  readonly enabled?: boolean;
  readonly submenu?: readonly Template[];
  readonly click?: () => void;
}

/** What the fake was told, and what its user does next. */
export interface FakeElectron {
  readonly members: ElectronMembers;
  /** The menu as a user of Linux sees it: only what was set as a whole. */
  readonly menu: () => readonly Template[];
  readonly tooltip: () => string;
  readonly opened: readonly string[];
  readonly errors: readonly string[];
  readonly questions: readonly string[];
  readonly templateImages: () => number;
  readonly destroyed: () => boolean;
  answer: number;
  click(id: string): void;
  quit(): void;
}

/** Returns the members of Electron that the host uses, as objects of this process. */
export function createFakeElectron(options: { readonly isSecond?: boolean } = {}): FakeElectron {
  const opened: string[] = [];
  const errors: string[] = [];
  const questions: string[] = [];
  let menu: readonly Template[] = [];
  let tooltip = '';
  let templateImages = 0;
  let isDestroyed = false;

  class App extends EventEmitter {
    requestSingleInstanceLock() {
      return options.isSecond !== true;
    }
    async whenReady() {}
    quit() {
      this.emit('before-quit');
    }
  }
  class Tray extends EventEmitter {
    setImage() {}
    setToolTip(text: string) {
      tooltip = text;
    }
    setContextMenu(next: { readonly template: readonly Template[] }) {
      menu = next.template;
    }
    destroy() {
      isDestroyed = true;
    }
  }
  const image = () => ({
    addRepresentation: () => undefined,
    setTemplateImage: () => {
      templateImages += 1;
    },
  });
  const app = new App();
  const fake: FakeElectron = {
    members: {
      app,
      Tray,
      Menu: { buildFromTemplate: (template: readonly Template[]) => ({ template }) },
      nativeImage: { createFromBuffer: image, createEmpty: image },
      shell: {
        openPath: async (path: string) => {
          opened.push(path);
          return '';
        },
      },
      dialog: {
        showMessageBox: async ({ message }: { readonly message: string }) => {
          questions.push(message);
          return { response: fake.answer };
        },
        showErrorBox: (_title: string, text: string) => {
          errors.push(text);
        },
      },
    } as unknown as ElectronMembers,
    menu: () => menu,
    tooltip: () => tooltip,
    templateImages: () => templateImages,
    destroyed: () => isDestroyed,
    opened,
    errors,
    questions,
    answer: 1,
    click(id) {
      const all = (items: readonly Template[]): readonly Template[] =>
        items.flatMap((item) => [item, ...all(item.submenu ?? [])]);
      const item = all(menu).find((each) => each.id === id);
      if (item?.click === undefined || item.enabled === false)
        throw new Error(`cannot click ${id}`);
      item.click();
    },
    quit: () => app.quit(),
  };
  return fake;
}
